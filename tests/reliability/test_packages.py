"""The short form of `packages.py`: what is built and what is in it."""

import packages
import pytest


def test_the_wheel_and_the_sdist(tmp_path):
    if not (packages.ROOT / ".git").exists():
        pytest.skip("needs the repository: what is tracked tells what has to be in a package")
    wheel, sdist = packages.build(tmp_path)
    packages.check_wheel(wheel)
    packages.check_sdist(sdist)
