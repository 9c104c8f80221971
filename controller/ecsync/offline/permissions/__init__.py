"""The IAM policy of manifests: which calls their life needs, on which resources. Makes no call to AWS."""
