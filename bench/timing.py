"""Re-exported until the scripts import it from its home."""

from svc.calibration.timing import Times, Variant, interleaved, percentile

__all__ = ["Times", "Variant", "interleaved", "percentile"]
