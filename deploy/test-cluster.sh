#!/usr/bin/env bash
# Installs the chart into the cluster of KUBECONFIG, in a namespace of its own, and lets `helm test` make a real video there.
#   VALUES     values to install with (default: the trial example, which brings its own NATS and S3)
#   NAMESPACE  namespace to make (default: s2v-test)
#   REGISTRY   registry of the images (default: as the values say; with the trial example they are on the nodes)
#   KEEP=1     leave everything there afterwards
set -euo pipefail
cd "$(dirname "$0")/.."
values=${VALUES:-deploy/helm/s2v/examples/trial/values.yaml}
namespace=${NAMESPACE:-s2v-test}
bin=.venv/bin

refuse() { echo "test-cluster: $1" >&2; exit 6; }

command -v helm > /dev/null || refuse "there is no helm on this machine: install Helm 3.14 or newer (helm.sh)"
[[ -f $values ]] || refuse "there is no $values: name a file of values in VALUES"
# Says what is wrong with KUBECONFIG, the cluster or what the values need, and ends here.
"$bin/s2v" k8s check -n "$namespace" -f "$values"
there=$("$bin/kubectl" get namespace "$namespace" --ignore-not-found -o name)
[[ -z $there ]] || refuse "the namespace $namespace is there already: choose another one with NAMESPACE, or delete it"

tell() {
  code=$?
  if ((code)); then
    echo "--- what the cluster says" >&2
    "$bin/s2v" k8s status -n "$namespace" >&2 || true
    "$bin/kubectl" -n "$namespace" get events --sort-by=.lastTimestamp >&2 || true
    "$bin/kubectl" -n "$namespace" logs -l app.kubernetes.io/instance=s2v --all-containers --prefix --tail=20 >&2 || true
  fi
  if [[ ${KEEP:-} != 1 ]]; then
    helm uninstall s2v -n "$namespace" --wait > /dev/null 2>&1 || true
    "$bin/kubectl" delete namespace "$namespace" --wait=false > /dev/null || true
  fi
  exit "$code"
}

"$bin/kubectl" create namespace "$namespace"
trap tell EXIT
"$bin/kubectl" label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted
images=()
[[ -z ${REGISTRY:-} ]] || images=(--set "global.imageRegistry=$REGISTRY,image.pullPolicy=IfNotPresent")
helm install s2v deploy/helm/s2v -n "$namespace" -f "$values" "${images[@]}" --wait --timeout 15m
"$bin/s2v" k8s status -n "$namespace"
helm test s2v -n "$namespace" --logs --timeout 25m
echo "The chart was installed, and made a video, in $namespace."
