"""A page on this machine to speak or type to a model; the same as ``atat demo``.

python -m espnet_atat.bin.demo --model exp/runs/RUN
"""

import sys

from espnet_atat.bin import main_guard
from espnet_atat.demo.app import main

if __name__ == "__main__":
    sys.exit(main_guard(main))
