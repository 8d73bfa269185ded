# All images:   PYTHON_DIGEST=sha256:… docker buildx bake -f deploy/docker/docker-bake.hcl
# One of them:  … docker-bake.hcl rendering
# To a registry, with SBOM and provenance beside the images:  REGISTRY=registry.example.com/media/ TAG=0.1.0 … --push

variable "REGISTRY" {
  default = ""
}
variable "TAG" {
  default = "0.1.0"
}
variable "PYTHON_DIGEST" {
  # docker buildx imagetools inspect docker.io/library/python:3.11-slim-bookworm
  default = ""
  validation {
    condition     = PYTHON_DIGEST == "" || length(regexall("^sha256:[0-9a-f]{64}$", PYTHON_DIGEST)) == 1
    error_message = "PYTHON_DIGEST is the digest of the base image, sha256:…"
  }
}

group "default" {
  targets = ["gateway", "transcription", "transcription-cuda", "analysis", "layout", "rendering", "tools"]
}

target "_base" {
  context    = "."
  dockerfile = "deploy/docker/base.Dockerfile"
  platforms  = ["linux/amd64"]
  args       = { PYTHON_DIGEST = PYTHON_DIGEST }
}
target "build" {
  inherits = ["_base"]
  target   = "build"
}
target "runtime" {
  inherits = ["_base"]
  target   = "runtime"
}

target "_image" {
  context   = "."
  platforms = ["linux/amd64"]
  contexts  = { build = "target:build", runtime = "target:runtime" }
  # An image store on one machine has no place for them.
  attest    = REGISTRY == "" ? [] : ["type=sbom", "type=provenance,mode=max"]
}

target "gateway" {
  inherits   = ["_image"]
  dockerfile = "deploy/docker/gateway.Dockerfile"
  target     = "gateway"
  tags       = ["${REGISTRY}s2v/gateway:${TAG}"]
}

target "transcription" {
  inherits   = ["_image"]
  dockerfile = "deploy/docker/transcription.Dockerfile"
  target     = "transcription"
  tags       = ["${REGISTRY}s2v/transcription:${TAG}"]
}

target "transcription-cuda" {
  inherits   = ["_image"]
  dockerfile = "deploy/docker/transcription.Dockerfile"
  target     = "transcription-cuda"
  tags       = ["${REGISTRY}s2v/transcription-cuda:${TAG}"]
}

target "analysis" {
  inherits   = ["_image"]
  dockerfile = "deploy/docker/analysis.Dockerfile"
  target     = "analysis"
  tags       = ["${REGISTRY}s2v/analysis:${TAG}"]
}

target "layout" {
  inherits   = ["_image"]
  dockerfile = "deploy/docker/layout.Dockerfile"
  target     = "layout"
  tags       = ["${REGISTRY}s2v/layout:${TAG}"]
}

target "rendering" {
  inherits   = ["_image"]
  dockerfile = "deploy/docker/rendering.Dockerfile"
  target     = "rendering"
  tags       = ["${REGISTRY}s2v/rendering:${TAG}"]
}

target "tools" {
  inherits   = ["_image"]
  dockerfile = "deploy/docker/tools.Dockerfile"
  target     = "tools"
  tags       = ["${REGISTRY}s2v/tools:${TAG}"]
}
