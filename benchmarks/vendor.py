"""Copies uPlot from npm into the dashboard: python benchmarks/vendor.py. Needs npm.

What it writes is checked in, byte for byte as it was published, so that nobody needs npm to install
rlviz; a test holds the digests.
"""

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "uplot@1.6.32"
STATIC = Path(__file__).resolve().parent.parent / "rlviz" / "dashboard" / "static"
FILES = {
    "package/dist/uPlot.esm.js": "uplot.js",
    "package/dist/uPlot.min.css": "uplot.css",
    "package/LICENSE": "uplot.LICENSE",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        for source, name in FILES.items():
            shutil.copyfile(Path(folder) / source, STATIC / name)
            print(STATIC / name)


if __name__ == "__main__":
    main()
