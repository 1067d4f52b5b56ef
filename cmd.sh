# shellcheck shell=bash
# The command that starts jobs and trainings (ESPnet's launcher reads the script's name).
#   run.pl     on this machine: the default
#   slurm.pl   through sbatch; options for it may follow, as in "slurm.pl --time 24:00:00 --partition gpu"
export train_cmd=${ATAT_TRAIN_CMD:-run.pl}
