"""Launch templates and their versions. A version keeps its data exactly as in the request, UserData included."""

from __future__ import annotations

from ecsim.account.errors import AwsError
from ecsim.account.paging import by_token, filtered
from ecsim.account.world import Body, Call, Handler, World
from ecsim.ec2.store import Ec2Region
from ecsim.moto import seams

DRY_RUN = ("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
ALL_TEMPLATES = (
    "To describe the launch template data for all your launch templates, for '--versions' specify '$Latest',"
    " '$Default', or both, and omit '--launch-template-id', '--launch-template-name', and version numbers."
)


def create_launch_template(call: Call) -> Body:
    """Create a template with version 1, which is the default version."""
    params, templates = call.params, call.store(Ec2Region).templates
    name = params["LaunchTemplateName"]
    _refuse_dry_run(params)
    if not 3 <= len(name) <= 128:
        message = "Launch template name must be between 3 and 128 characters"
        raise AwsError("InvalidLaunchTemplateName.MalformedException", message)
    if any(template["LaunchTemplateName"] == name for template in templates.values()):
        raise AwsError("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
    template: Body = {
        "LaunchTemplateId": f"lt-{call.world.hex(17)}",
        "LaunchTemplateName": name,
        "CreateTime": call.world.iso,
        "CreatedBy": f"arn:aws:iam::{call.account}:root",
        "DefaultVersionNumber": 1,
        "LatestVersionNumber": 0,
        "Operator": {"Managed": False},
        "versions": {},
    }
    if params.get("Operator"):
        template["Operator"] = {"Managed": True, "Principal": params["Operator"].get("Principal")}
    templates[template["LaunchTemplateId"]] = template
    _add_version(call, template, params["LaunchTemplateData"])
    tags = [tag for specification in params.get("TagSpecifications", []) for tag in specification.get("Tags", [])]
    seams.remember_template(
        call.account,
        call.region,
        template["LaunchTemplateId"],
        {tag["Key"]: tag.get("Value", "") for tag in tags},
    )
    return {"LaunchTemplate": _show(call, template)}


def _refuse_dry_run(params: Body) -> None:
    if params.get("DryRun"):
        raise AwsError(*DRY_RUN)


def _add_version(call: Call, template: Body, data: Body) -> Body:
    number = template["LatestVersionNumber"] = template["LatestVersionNumber"] + 1
    version: Body = {"VersionNumber": number, "CreateTime": call.world.iso, "LaunchTemplateData": data}
    if call.params.get("VersionDescription"):
        version["VersionDescription"] = call.params["VersionDescription"]
    template["versions"][number] = version
    return version


def create_launch_template_version(call: Call) -> Body:
    """Add a version. With a source version, its members are the defaults of the new data."""
    params = call.params
    template = _template(call)
    _refuse_dry_run(params)
    data = params["LaunchTemplateData"]
    if params.get("SourceVersion"):
        data = {**_version(template, params["SourceVersion"])["LaunchTemplateData"], **data}
    return {"LaunchTemplateVersion": _show_version(template, _add_version(call, template, data))}


def modify_launch_template(call: Call) -> Body:
    """Change the default version."""
    template = _template(call)
    wanted = call.params.get("DefaultVersion") or call.params.get("SetDefaultVersion")
    if wanted:
        template["DefaultVersionNumber"] = _version(template, wanted)["VersionNumber"]
    return {"LaunchTemplate": _show(call, template)}


def describe_launch_templates(call: Call) -> Body:
    """Describe all templates, or those that match an ID, a name or a filter."""
    params, templates = call.params, call.store(Ec2Region).templates
    found = list(templates.values())
    for identifier in params.get("LaunchTemplateIds", []):
        if identifier not in templates:
            raise _unknown_id(identifier)
    known = {template["LaunchTemplateName"] for template in found}
    if not known.issuperset(params.get("LaunchTemplateNames", [])):
        raise AwsError(
            "InvalidLaunchTemplateName.NotFoundException",
            "At least one of the launch templates specified in the request does not exist.",
        )
    if params.get("LaunchTemplateIds"):
        found = [template for template in found if template["LaunchTemplateId"] in params["LaunchTemplateIds"]]
    if params.get("LaunchTemplateNames"):
        found = [template for template in found if template["LaunchTemplateName"] in params["LaunchTemplateNames"]]
    shown = filtered(
        [_show(call, template) for template in found],
        params.get("Filters"),
        {"launch-template-name": lambda t: [t["LaunchTemplateName"]], "create-time": lambda t: [t["CreateTime"]]},
    )
    return by_token("LaunchTemplates", shown, params, 200, service="ec2")


def describe_launch_template_versions(call: Call) -> Body:
    """Describe versions of one template by number, `$Latest` or `$Default`; of all templates only the last two."""
    params = call.params
    wanted = [str(version) for version in params.get("Versions", [])]
    if params.get("LaunchTemplateId") or params.get("LaunchTemplateName"):
        template = _template(call)
        versions = [_version(template, version) for version in wanted] if wanted else _range(template, params)
        shown = [_show_version(template, version) for version in versions]
    elif wanted and set(wanted) <= {"$Latest", "$Default"}:
        templates = call.store(Ec2Region).templates.values()
        shown = [_show_version(template, _version(template, version)) for template in templates for version in wanted]
    else:
        raise AwsError("InvalidParameterCombination" if wanted else "MissingParameter", ALL_TEMPLATES)
    unique = list({(one["LaunchTemplateId"], one["VersionNumber"]): one for one in shown}.values())
    return by_token("LaunchTemplateVersions", unique, params, 200, service="ec2")


def _range(template: Body, params: Body) -> list[Body]:
    least, most = int(params.get("MinVersion") or 1), int(params.get("MaxVersion") or template["LatestVersionNumber"])
    newest_first = sorted(template["versions"].items(), reverse=True)
    return [version for number, version in newest_first if least <= number <= most]


def delete_launch_template(call: Call) -> Body:
    """Delete a template with all its versions. A group that uses it can no longer launch instances."""
    template = _template(call)
    _refuse_dry_run(call.params)
    shown = _show(call, template)
    del call.store(Ec2Region).templates[template["LaunchTemplateId"]]
    seams.forget_template(call.account, call.region, template["LaunchTemplateId"])
    return {"LaunchTemplate": shown}


def delete_launch_template_versions(call: Call) -> Body:
    """Delete versions, except the default version. Each succeeds or fails separately."""
    template = _template(call)
    done, failed = [], []
    for wanted in call.params["Versions"]:
        number = int(wanted)
        row = {
            "LaunchTemplateId": template["LaunchTemplateId"],
            "LaunchTemplateName": template["LaunchTemplateName"],
            "VersionNumber": number,
        }
        if number == template["DefaultVersionNumber"]:
            message = "Cannot delete the default version of a launch template"
            failed.append({**row, "ResponseError": {"Code": "unexpectedError", "Message": message}})
        elif template["versions"].pop(number, None) is None:
            failed.append({**row, "ResponseError": {"Code": "launchTemplateVersionDoesNotExist", "Message": "gone"}})
        else:
            done.append(row)
    return {
        "SuccessfullyDeletedLaunchTemplateVersions": done,
        "UnsuccessfullyDeletedLaunchTemplateVersions": failed,
    }


def find(world: World, region: str, specification: Body) -> Body | None:
    """Return the template that a specification references by ID or name; None if it does not exist."""
    templates = world.store(Ec2Region, region).templates
    if specification.get("LaunchTemplateId"):
        return templates.get(specification["LaunchTemplateId"])
    name = specification.get("LaunchTemplateName")
    return next((template for template in templates.values() if template["LaunchTemplateName"] == name), None)


def resolve(template: Body, version: str | None) -> Body | None:
    """Return the version for a number, `$Latest` or `$Default`; None if it does not exist."""
    names: dict[str | None, int] = {
        "$Latest": max(template["versions"], default=0),
        "$Default": template["DefaultVersionNumber"],
        None: template["DefaultVersionNumber"],
    }
    number = names.get(version) or (int(version) if version and version.isdigit() else 0)
    found: Body | None = template["versions"].get(number)
    return found


def _template(call: Call) -> Body:
    found = find(call.world, call.region, call.params)
    if found is not None:
        return found
    identifier, name = call.params.get("LaunchTemplateId"), call.params.get("LaunchTemplateName")
    if identifier:
        raise _unknown_id(identifier)
    if not name:
        raise AwsError(
            "MissingParameter",
            "The request must contain the parameter launch template ID or launch template name",
        )
    raise AwsError(
        "InvalidLaunchTemplateName.NotFoundException",
        f"The specified launch template, with template name {name}, does not exist.",
    )


def _unknown_id(identifier: str) -> AwsError:
    return AwsError(
        "InvalidLaunchTemplateId.NotFound",
        f"The specified launch template, with template ID {identifier}, does not exist.",
    )


def _version(template: Body, wanted: str) -> Body:
    found = resolve(template, str(wanted))
    if found is None:
        raise AwsError(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {wanted} for the launch template with ID"
            f" {template['LaunchTemplateId']}.",
        )
    return found


def _show(call: Call, template: Body) -> Body:
    tags = seams.ec2_tags(call.account, call.region, template["LaunchTemplateId"])
    shown = {member: value for member, value in template.items() if member != "versions"}
    return {**shown, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _show_version(template: Body, version: Body) -> Body:
    return {
        "LaunchTemplateId": template["LaunchTemplateId"],
        "LaunchTemplateName": template["LaunchTemplateName"],
        "CreatedBy": template["CreatedBy"],
        "DefaultVersion": version["VersionNumber"] == template["DefaultVersionNumber"],
        **version,
    }


OPERATIONS: dict[str, Handler] = {
    "CreateLaunchTemplate": create_launch_template,
    "CreateLaunchTemplateVersion": create_launch_template_version,
    "DeleteLaunchTemplate": delete_launch_template,
    "DeleteLaunchTemplateVersions": delete_launch_template_versions,
    "DescribeLaunchTemplateVersions": describe_launch_template_versions,
    "DescribeLaunchTemplates": describe_launch_templates,
    "ModifyLaunchTemplate": modify_launch_template,
}
