"""Metadata and entry points; the settings of the tools are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "tb_confmat_plugin" / "__init__.py").read_text("utf-8"), re.MULTILINE)[1]

setup(
    name="tb-confmat-plugin",
    version=VERSION,
    description="Interactive confusion matrices in TensorBoard, for classifiers trained in PyTorch",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["tb_confmat_plugin", "tb_confmat_plugin.*"]),
    package_data={"tb_confmat_plugin": ["py.typed", "http_api.md", "static/index.js", "static/LICENSES.txt"]},
    install_requires=["tensorboard>=2.21", "numpy>=1.26", "pillow>=10", "google-crc32c>=1.5"],
    extras_require={
        "torch": ["torch>=2.2"],
        "plot": ["matplotlib>=3.8"],
        "remote": ["fsspec>=2024.2"],
        "s3": ["s3fs>=2024.2"],
        "completion": ["argcomplete>=3"],
        # One for each library of docs/integrations.md.
        "accelerate": ["accelerate>=1.0"],
        "ignite": ["pytorch-ignite>=0.5.1"],
        "keras": ["keras>=3.5", "torch>=2.2"],
        "lightning": ["lightning>=2.4"],
        "sklearn": ["scikit-learn>=1.5", "tensorboardX>=2.6.1"],
        "tensorboardx": ["tensorboardX>=2.6.1"],
        "torchmetrics": ["torchmetrics>=1.7"],
        "transformers": ["transformers[torch]>=5"],
        "wandb": ["wandb>=0.20", "matplotlib>=3.8"],
    },
    entry_points={
        "tensorboard_plugins": ["confusion_matrix = tb_confmat_plugin.loader:ConfusionMatrixLoader"],
        "console_scripts": ["tb-confmat = tb_confmat_plugin.cli:main"],
    },
    keywords=["tensorboard", "pytorch", "confusion matrix", "classification", "visualization"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
