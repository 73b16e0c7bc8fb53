"""Confusion matrices out of the training loops of other libraries: one module a library, loaded only when it is imported."""
