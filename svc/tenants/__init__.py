"""A tenant as a whole: taken out, brought in, erased."""
