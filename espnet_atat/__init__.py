"""AT-AT for ESPnet: one audio-text model for end-to-end spoken language understanding."""

__version__ = "0.1.0"
