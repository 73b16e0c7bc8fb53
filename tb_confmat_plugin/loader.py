"""What TensorBoard loads at its start. An exception here would stop TensorBoard for everyone, so it does little, and guards that."""

import logging
from typing import Any

from tensorboard.plugins.base_plugin import TBLoader

from tb_confmat_plugin.names import EXAMPLES_PLUGIN_NAME, PLUGIN_NAME

logger = logging.getLogger(__name__)

ALL_STEPS = 0
EXAMPLE_STEPS = 100  # of each tag: each takes some 10 KB, and those between are told to be between


class ConfusionMatrixLoader(TBLoader):
    """The entry point of the plugin."""

    def fix_flags(self, flags: Any) -> None:
        """Keeps every step, where TensorBoard would sample, and the examples of 100, unless the user set `--samples_per_plugin`."""
        try:
            if flags.samples_per_plugin is None:
                flags.samples_per_plugin = {}
            flags.samples_per_plugin.setdefault(PLUGIN_NAME, ALL_STEPS)
            flags.samples_per_plugin.setdefault(EXAMPLES_PLUGIN_NAME, EXAMPLE_STEPS)
        except Exception:  # a TensorBoard with other flags samples steps, and still starts
            logger.exception("TensorBoard's sampling of steps could not be turned off for confusion matrices")

    def load(self, context: Any) -> Any:
        """The plugin, or None where it cannot be had; TensorBoard then starts without it."""
        try:
            from tb_confmat_plugin.plugin import ConfusionMatrixPlugin

            return ConfusionMatrixPlugin(context)
        except Exception:
            logger.exception("the Confusion Matrix plugin could not be loaded; TensorBoard starts without it")
            return None
