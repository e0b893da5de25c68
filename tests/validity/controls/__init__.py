"""Positive and negative controls: methods tried on synthetic radiographs with planted defects."""
