"""The commands of ``argus-lab``, one module each."""
