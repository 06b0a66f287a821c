#!/usr/bin/env bash
# Runs selfgait_jax.main on all workers of a TPU slice; see docs/tpu.md.
set -euo pipefail

usage() {
  cat <<'END'
Runs `python -m selfgait_jax.main` on all workers of a TPU slice.

  scripts/run_tpu_pod.sh --name=SLICE --zone=ZONE [OPTIONS] -- \
    --config=CONFIG --workdir=SHARED_FOLDER [OTHER ARGUMENTS OF main]

  --name=SLICE     name given to `gcloud compute tpus tpu-vm create`
  --zone=ZONE      zone of the slice
  --project=ID     by default the project set in gcloud
  --no-setup       do not copy or install; use what an earlier call installed
  --dry-run        print the commands without running them
  --help           print this text

Copies the committed state of this clone to ~/selfgait_jax on every worker,
installs it there in ~/selfgait_venv, and starts one process per worker. The run
continues if this command is interrupted; its log is ~/selfgait_jax.log on each
worker. After a run has ended, the same command resumes from the last checkpoint.
--workdir must be a folder that all workers share.
END
}

fail() {
  echo "error: expected $1" >&2
  exit 1
}

name='' zone='' project='' setup=yes dry_run=no
while (($#)); do
  case $1 in
    --name=*) name=${1#*=} ;;
    --zone=*) zone=${1#*=} ;;
    --project=*) project=${1#*=} ;;
    --no-setup) setup=no ;;
    --dry-run) dry_run=yes ;;
    --help | -h) usage && exit 0 ;;
    --) shift && break ;;
    *) fail "an option of this script, found $1; arguments of main come\
 after --" ;;
  esac
  shift
done

[[ $name ]] || fail 'the name of a TPU slice, found none; add --name=SLICE'
[[ $zone ]] || fail 'the zone of the slice, found none; add --zone=ZONE'
for needed in --config --workdir; do
  [[ " $*" == *" $needed="* ]] ||
    fail "arguments of main after --, found none like $needed=; add it there"
done

where=("--zone=$zone" --worker=all)
if [[ $project ]]; then where+=("--project=$project"); fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

run() {
  if [[ $dry_run == yes ]]; then
    printf '%q ' "$@" && echo
  else
    "$@"
  fi
}

if [[ $dry_run == no ]]; then
  command -v gcloud >/dev/null ||
    fail 'the program gcloud, found none; install the Google Cloud CLI'
fi

if [[ $setup == yes ]]; then
  folder=$(mktemp -d)
  trap 'rm -r "$folder"' EXIT
  archive=$folder/selfgait_jax.tar.gz
  run git -C "$root" archive --output="$archive" HEAD
  run gcloud compute tpus tpu-vm scp "$archive" "$name:" "${where[@]}"
  # TPU images may have an older Python than this project needs.
  install="set -e; mkdir -p selfgait_jax; \
tar -xzf selfgait_jax.tar.gz -C selfgait_jax; \
python3 -m pip install --quiet --user uv; \
[ -d selfgait_venv ] || python3 -m uv venv --python=3.12 selfgait_venv; \
python3 -m uv pip install --quiet --python=selfgait_venv/bin/python \
'jax[tpu]>=0.10,<0.11' -r selfgait_jax/requirements.txt"
  run gcloud compute tpus tpu-vm ssh "$name" "${where[@]}" \
    "--command=$install"
fi

printf -v arguments '%q ' "$@" --config.distributed=on
# The run survives the end of the connection; its log is shown until then.
main="cd selfgait_jax; : > ../selfgait_jax.log; \
nohup ../selfgait_venv/bin/python -m selfgait_jax.main \
$arguments >> ../selfgait_jax.log 2>&1 & started=\$!; \
tail --pid=\$started -n +1 -F ../selfgait_jax.log; wait \$started"
run gcloud compute tpus tpu-vm ssh "$name" "${where[@]}" "--command=$main"
