"""Disks that are full, and then are not: a real small one, and a real limit on the size of files."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

from tests.durability.receivers import Receiver

SPARE = 400_000
STEP = 4096


class SmallDisk:
    """A file system of a few megabytes in memory, filled up by a file that is in the way."""

    def __init__(self, place: Path, size: str = "24m") -> None:
        self.place = place
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "argus-test", str(place)]
        subprocess.run(command, check=True, capture_output=True)

    def fill(self, receiver: Receiver) -> None:
        """Leave so little that the receiver itself takes the rest."""
        assert receiver.lake.is_relative_to(self.place)
        with (self.place / "in-the-way").open("wb", buffering=0) as file:
            while self._left() > SPARE:
                file.write(bytes(STEP))

    def _left(self) -> int:
        told = os.statvfs(self.place)
        return told.f_bavail * told.f_bsize

    def free(self, receiver: Receiver) -> None:
        """Give the room back."""
        assert receiver.lake.is_relative_to(self.place)
        (self.place / "in-the-way").unlink()

    def remove(self) -> None:
        """Unmount it; at once, or when the last process has gone."""
        subprocess.run(["umount", "--lazy", str(self.place)], check=True, capture_output=True)


class SizeLimit:
    """A limit on the size of files, put on the living processes; needs no rights."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self, receiver: Receiver) -> None:
        """From now on no write goes beyond the first few kilobytes of a file."""
        self._limit(receiver, STEP)

    def free(self, receiver: Receiver) -> None:
        """From now on files are as large as they like."""
        self._limit(receiver, resource.RLIM_INFINITY)

    def _limit(self, receiver: Receiver, size: int) -> None:
        for pid in receiver.members():
            hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))

    def remove(self) -> None:
        """Nothing stays."""


def full_disk(place: Path) -> SmallDisk | SizeLimit:
    """A small disk where one may be mounted; the limit, which is as real, where not."""
    try:
        return SmallDisk(place)
    except (OSError, subprocess.CalledProcessError):
        return SizeLimit(place)
