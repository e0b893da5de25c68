"""The architectures, frozen features, training, checkpoints, saliency and simple models."""
