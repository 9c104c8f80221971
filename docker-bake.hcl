# Both images for both architectures, with labels, a bill of materials and provenance:
#
#     docker buildx bake --sbom=false --provenance=false --set '*.platform=linux/amd64' --load image   # one, into the local Docker
#     REGISTRY=registry.example.com/team VERSION=1.2.3 REVISION=$(git rev-parse HEAD) docker buildx bake --push
#
# A builder with the driver docker-container is needed for more than one platform, and for attestations.

variable "REGISTRY" { default = "" }          # where --push goes; empty: names without a registry
variable "VERSION" { default = "unknown" }    # 1.2.3: then also tagged 1.2 and 1
variable "REVISION" { default = "unknown" }   # the commit, 40 digits
variable "SOURCE_URL" { default = "" }        # where the source is, for the label
variable "BASE" { default = "docker.io/library/python:3.11-slim-bookworm" }
variable "SOURCE_DATE_EPOCH" { default = "" } # seconds: the time of the commit makes the layers reproducible

# Only a final version has the short tags: 1.2.3rc1 is no 1.2.
function "tags" {
  params = [name]
  result = [for tag in (length(regexall("^[0-9]+\\.[0-9]+\\.[0-9]+$", VERSION)) > 0
    ? [VERSION, join(".", slice(split(".", VERSION), 0, 2)), split(".", VERSION)[0]]
    : [VERSION]) : "${REGISTRY == "" ? "" : "${REGISTRY}/"}${name}:${tag}"]
}

group "default" {
  targets = ["image", "simulator"]
}

target "common" {
  context   = "."
  platforms = ["linux/amd64", "linux/arm64"]
  args = {
    BASE              = BASE
    VERSION           = VERSION
    REVISION          = REVISION
    SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH == "" ? null : SOURCE_DATE_EPOCH
  }
  labels = SOURCE_URL == "" ? {} : { "org.opencontainers.image.source" = SOURCE_URL }
  attest = ["type=sbom", "type=provenance,mode=max"]
}

target "image" {
  inherits = ["common"]
  target   = "ecsync"
  tags     = tags("ecsync")
}

target "simulator" {
  inherits = ["common"]
  target   = "simulator"
  tags     = tags("ecsync-simulator")
}
