#!/usr/bin/env bash
# An example for `sbatch`: GPUs of several nodes, one process per GPU. Change the
# #SBATCH lines and the three settings below them.
#SBATCH --job-name=selfgait
#SBATCH --nodes=2
#SBATCH --gpus-per-node=8
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --mem=0
#SBATCH --time=12:00:00
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
# A preempted job is requeued. Every process is asked to save 90 s before the time
# limit; allow more if the file system is slow.
#SBATCH --requeue
#SBATCH --signal=TERM@90
set -euo pipefail

python=${PYTHON:-$HOME/selfgait_venv/bin/python}
workdir=${WORKDIR:-$HOME/runs/casiab} # must be shared by all nodes
arguments=(
  --config=configs/casiab.py
  "--config.data.packed_file=${PACKED:-$HOME/casiab.npz}"
  --config.data.loader=device
)

# JAX detects Slurm and gives each process the GPU of its local number. For one
# process per node set --ntasks-per-node=1, more cpus-per-task, and
#   export JAX_LOCAL_DEVICE_IDS=0,1,2,3,4,5,6,7
# Without the last, each node would use only its first GPU.
cd "${SLURM_SUBMIT_DIR:?submit this with sbatch from the root of the clone}"
status=0
srun --kill-on-bad-exit=1 "$python" -m selfgait_jax.main "${arguments[@]}" \
  "--workdir=$workdir" --config.distributed=on || status=$?
# 143: the signal came when there was nothing to save (while reading data,
# compiling or evaluating), and the run ended at once.
[[ $status == 0 || $status == 143 ]] || exit "$status"

# A run that was asked to stop exits with 0 but without results.json; requeue it.
# Remove the next line if the stages do not include `evaluate`, which alone writes
# results.json.
[[ -e $workdir/results.json ]] || scontrol requeue "$SLURM_JOB_ID"
