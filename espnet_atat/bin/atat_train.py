"""Train an AT-AT model: every option of ESPnet's trainer, and those of the task.

``python -m espnet_atat.bin.atat_train --config conf/train.yaml --train_data_path_and_name_and_type … --output_dir D``
"""

from collections.abc import Sequence

from espnet_atat.bin import start


def main(argv: Sequence[str] | None = None) -> None:
    """Run the task's training or statistics."""
    from espnet_atat.tasks.atat import ATATTask  # 15 s: not before it is needed

    ATATTask.main(cmd=list(argv) if argv is not None else None)


if __name__ == "__main__":
    start(main)
