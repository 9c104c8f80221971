"""botocore's service models as data: shapes of bodies, the members that were reviewed, values beyond the model."""
