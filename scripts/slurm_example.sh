#!/usr/bin/env bash
# An example for `sbatch`: GPUs of several nodes, one process a GPU. Change what
# stands between here and the last #SBATCH, and the three settings below.
#SBATCH --job-name=selfgait
#SBATCH --nodes=2
#SBATCH --gpus-per-node=8
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --mem=0
#SBATCH --time=12:00:00
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
# Preempted, it comes back; 90 s before its time is over every process is asked
# to save. Give checkpoints longer if the file system is slow.
#SBATCH --requeue
#SBATCH --signal=TERM@90
set -euo pipefail

python=${PYTHON:-$HOME/selfgait_venv/bin/python}
workdir=${WORKDIR:-$HOME/runs/casiab} # on a file system that all nodes share
arguments=(
  --config=configs/casiab.py
  "--config.data.packed_file=${PACKED:-$HOME/casiab.npz}"
  --config.data.loader=device
)

# JAX finds Slurm by itself and gives each process the GPU of its local number.
# For one process a node: --ntasks-per-node=1, more cpus-per-task, and
#   export JAX_LOCAL_DEVICE_IDS=0,1,2,3,4,5,6,7
# or it would use the first GPU of each node alone.
cd "${SLURM_SUBMIT_DIR:?submit this with sbatch from the root of the clone}"
status=0
srun --kill-on-bad-exit=1 "$python" -m selfgait_jax.main "${arguments[@]}" \
  "--workdir=$workdir" --config.distributed=on || status=$?
# 143: the signal came where there was nothing to save (reading data, compiling,
# evaluation), and the run ended at once, with a sentence.
[[ $status == 0 || $status == 143 ]] || exit "$status"

# A run that was asked to stop ends well, without a result: it goes on later.
# Stages that do not end with `evaluate`
# write no results.json: leave the next line out for them.
[[ -e $workdir/results.json ]] || scontrol requeue "$SLURM_JOB_ID"
