"""Where files of each format end; used through `darkroom.completeness` alone."""
