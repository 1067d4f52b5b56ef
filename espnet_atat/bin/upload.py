"""Give a package to others (stage 16): to a repository of the hub, or to a folder.

python -m espnet_atat.bin.upload exp/mini/packages/mini_music_seed1.zip --hf_repo user/name --dry_run
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import main_guard
from espnet_atat.errors import UserError
from espnet_atat.package.publish import check, to_folder, to_hub


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.upload",
        description="Upload a package to the hub or unpack it into a folder; espnet_model_zoo and from_pretrained read "
        "both. The hub's token is that of `hf auth login` or HF_TOKEN.",
    )
    parser.add_argument("package", type=Path, help="a zip of stage 15")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--hf_repo", metavar="USER/NAME", help="repository of the hub; it is made if there is none")
    target.add_argument("--folder", type=Path, metavar="DIR", help="a folder that holds nothing else")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--message", default="", help="of the commit in the repository")
    parser.add_argument("--dry_run", action="store_true", help="list files and sizes; send and write nothing")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    if not args.package.is_file():
        raise UserError(f"{args.package}: no such package; stage 15 makes it")
    target = args.hf_repo or str(args.folder)
    if args.dry_run:
        files = check(args.package)
        for name, size in files.items():
            print(f"{size:>12,}  {name}")
        print(f"{sum(files.values()):>12,}  bytes in {len(files)} files would go to {target}; nothing was sent")
    elif args.folder is not None:
        to_folder(args.package, args.folder)
        print(f"wrote {args.folder}")
    else:
        print(f"uploaded to {to_hub(args.package, args.hf_repo, private=args.private, message=args.message)}")


if __name__ == "__main__":
    sys.exit(main_guard(main))
