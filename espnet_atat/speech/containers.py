"""Checksums and frame counts of compressed audio: libsndfile checks them only in FLAC, and else decodes damaged files.

Every page of an Ogg file has a checksum and a number. The frames of an MP3 have neither, but most encoders (LAME,
FFmpeg) write into the first frame how many follow, and a checksum of them.
"""

import re
import zlib
from collections.abc import Callable
from functools import lru_cache
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np

#: Each byte with its bits in reverse. So reversed, Ogg's sum is zlib's, but for the values where zlib begins and ends.
MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
ONES = 0xFFFF_FFFF
BEGINS, ENDS = 2, 4  # flags of a page: the first of its stream, the last

#: kbit/s of MP3, by the index in a frame's header: of MPEG 1, and of MPEG 2 and 2.5. Of index 0 a frame has any length.
RATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (*(0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),),
)
HERTZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version
ALIKE = 0xFFFE_0C00  # bits of the header that all frames have in common: version, layer, samples per second
TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")  # what may follow the frames
CAUGHT = 1 << 14  # bytes in which a stream's first whole frame is looked for
ZEROS = re.compile(rb"\0*")
FRAMES, BYTES, ALL = 1, 2, 15  # flags of the first frame's counts
SUMMED = 190  # bytes of the first frame that FFmpeg sums, this sum as zeros; LAME sums what is before it


def damage(container: str, path: str | Path, content: bytes | None = None) -> str | None:
    """What is wrong with a file of libsndfile's format ``OGG`` or ``MP3``; None if nothing is, or of another format.

    ``content``: the file's bytes, if it is not on the disk. An unchanged file is read once.
    """
    if container not in CHECKS:
        return None
    if content is not None:
        return CHECKS[container](content)
    status = Path(path).stat()
    return _damage_of_file(container, str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1 << 14)
def _damage_of_file(container: str, path: str, _size: int, _changed: int) -> str | None:
    return CHECKS[container](Path(path).read_bytes())


def ogg_damage(content: bytes) -> str | None:
    """The first page that is torn, missing or changed."""
    at = _behind_tags(content, 0)
    last: dict[bytes, int] = {}  # number of each open stream's last page
    while at < len(content):
        body = at + 27 + content[at + 26] if at + 27 <= len(content) else len(content) + 1
        end = body + sum(content[at + 27 : body])
        if content[at : at + 5] != b"OggS\0":
            return f"no Ogg page begins at byte {at}"
        if end > len(content):
            return f"it ends in the middle of the page at byte {at}"
        page = content[at:end].translate(MIRROR)
        found = zlib.crc32(page[26:], zlib.crc32(bytes(4), zlib.crc32(page[:22], ONES))) ^ ONES
        if found != int.from_bytes(page[22:26], "big"):
            return f"the page at byte {at} does not match its checksum"
        flags, stream = content[at + 5], content[at + 14 : at + 18]
        number = int.from_bytes(content[at + 18 : at + 22], "little")
        if not flags & BEGINS and number != last.get(stream, -2) + 1:
            return f"pages are missing before byte {at}"
        last[stream] = number
        if flags & ENDS:
            del last[stream]
        at = end
    return "its last pages are missing" if last else None


def mp3_damage(content: bytes) -> str | None:
    """The first place that is no frame, or what differs from the counts and the sum in the first frame."""
    if (found := _frames_of(content)) is None:
        return None
    end = found.parts[-1][1]
    if end > len(content):
        return f"it ends in the middle of a frame, after {found.number - 1} whole ones"
    if (rest := content[end:]).strip(b"\0") and not rest.startswith(TAGS):
        return f"no MP3 frame begins at byte {end}"
    return _counts_damage(content, found) if found.counts else None


def counted(path: str | Path, content: bytes | None = None) -> bytes | None:
    """An MP3 that says in its first frame how many follow, and that has no tags between them; None if it is one.

    Otherwise libsndfile takes the number from the size of the file, which is wrong for a variable bit rate, or reads
    only the first of several files that were joined.
    """
    if content is None:
        status = Path(path).stat()
        return _counted_file(str(path), status.st_size, status.st_mtime_ns)
    if (found := _frames_of(content)) is None:
        return None
    frames = b"".join(content[first:end] for first, end in found.parts)
    first = found.parts[0][0]
    if found.counts is not None:
        at = found.counts + 8 - first
        if len(found.parts) == 1 and int.from_bytes(frames[at : at + 4], "big") >= found.number - 1:
            return None
        counts = (found.number - 1).to_bytes(4, "big")
        if int.from_bytes(frames[at - 4 : at], "big") & BYTES:
            counts += len(frames).to_bytes(4, "big")
        return frames[:at] + counts + frames[at + len(counts) :]
    # No CRC, the largest of the rates, so that the counts have room, and no padding; the same samples and channels.
    head = bytes((frames[0], frames[1] | 1, 14 << 4 | frames[2] & 0x0C, frames[3]))
    counts = b"Xing" + FRAMES.to_bytes(4, "big") + found.number.to_bytes(4, "big")
    return (head + bytes(_side(head)) + counts).ljust(found.lengths[14], b"\0") + frames


@lru_cache(maxsize=1)
def _counted_file(path: str, size: int, changed: int) -> bytes | None:
    return None if _file_counts(path, size, changed) else counted(path, Path(path).read_bytes())


@lru_cache(maxsize=1 << 14)
def _file_counts(path: str, _size: int, _changed: int) -> bool:
    return counted(path, Path(path).read_bytes()) is None


class Mp3Frames(NamedTuple):
    """The frames of an MP3."""

    parts: list[tuple[int, int]]  # first byte, and the one behind: several where tags lie between
    number: int
    lengths: list[int]  # bytes of a frame, without padding, by the index of its rate
    counts: int | None  # byte of the first frame's counts


def _frames_of(content: bytes) -> Mp3Frames | None:
    """None for layer I or II, for frames of any length, and where no frames are found at the start."""
    if (first := _first_frame(content)) is None:
        return None
    like = int.from_bytes(content[first : first + 4], "big") & ALIKE
    lengths = _lengths(like)
    parts, number, at = [], 0, first
    while True:
        start = at
        while at + 4 <= len(content):
            head = int.from_bytes(content[at : at + 4], "big")
            rate = head >> 12 & 15
            if head & ALIKE != like or rate == 15:
                break
            if rate == 0:
                return None
            at, number = at + lengths[rate] + (head >> 9 & 1), number + 1
        parts.append((start, at))
        beyond = _behind_tags(content, at)
        if beyond == at or int.from_bytes(content[beyond : beyond + 4], "big") & ALIKE != like:
            break
        at = beyond
    tag = first + 4 + _side(content[first : first + 4])
    if content[tag : tag + 4] not in (b"Xing", b"Info"):
        return Mp3Frames(parts, number, lengths, None)
    if int.from_bytes(content[tag + 4 : tag + 8], "big") & FRAMES:
        return Mp3Frames(parts, number, lengths, tag)
    head = int.from_bytes(content[first : first + 4], "big")  # such a frame without a number is of no use, and no audio
    begin = first + lengths[head >> 12 & 15] + (head >> 9 & 1)
    return Mp3Frames([(begin, parts[0][1]), *parts[1:]], number - 1, lengths, None) if number > 1 else None


def _first_frame(content: bytes) -> int | None:
    """The byte where frames of layer III begin: a stream may have been caught amid a frame."""
    begin = _behind_tags(content, 0)
    for at in [begin, *(match.start() for match in re.finditer(b"\xff", content[begin : begin + CAUGHT]))]:
        like = int.from_bytes(content[at : at + 4], "big")
        if like >> 17 & 0x7FF3 != 0x7FF1 or like >> 19 & 3 == 1 or like >> 10 & 3 == 3 or like >> 12 & 15 == 15:
            continue
        if at == begin:
            return at
        beyond = at + _lengths(like)[like >> 12 & 15] + (like >> 9 & 1)
        if int.from_bytes(content[beyond : beyond + 4], "big") & ALIKE == like & ALIKE and beyond - at > 4:
            return at
    return None


def _lengths(head: int) -> list[int]:
    version = head >> 19 & 3
    factor = (144_000 if version == 3 else 72_000) / HERTZ[version][head >> 10 & 3]
    return [int(factor * rate) for rate in RATES[version != 3]]


def _side(head: bytes) -> int:
    """Bytes between a frame's header and its data, or the counts."""
    mono, mpeg1, summed = head[3] >> 6 == 3, head[1] >> 3 & 3 == 3, not head[1] & 1
    return 2 * summed + ((17 if mono else 32) if mpeg1 else (9 if mono else 17))


def _counts_damage(content: bytes, found: Mp3Frames) -> str | None:
    """Compare with what the first frame says: Xing's counts, then LAME's length and sum."""
    first, tag = found.parts[0][0], found.counts
    assert tag is not None
    length = found.lengths[content[first + 2] >> 4] + (content[first + 2] >> 1 & 1)
    said = int.from_bytes(content[tag + 4 : tag + 8], "big")
    promised = int.from_bytes(content[tag + 8 : tag + 12], "big")
    if found.number < promised:  # the first counts or not, as the encoder has it
        return f"it has {found.number - 1} of {promised} frames"
    end, total, own = tag + 156, content[tag + 152 : tag + 154], content[tag + 154 : tag + 156]
    summed = content[first : end - 2]
    sums = {crc16(summed), crc16((summed + bytes(2) + content[end : first + length]).ljust(SUMMED, b"\0")[:SUMMED])}
    if said & ALL != ALL or end > first + length or int.from_bytes(own, "big") not in sums:
        return None
    size = int.from_bytes(content[tag + 148 : tag + 152], "big")
    if first + size > len(content):
        return f"it has {len(content) - first} of {size} bytes"
    if size > length and crc16(content[first + length : first + size]) != int.from_bytes(total, "big"):
        return "its frames do not match the checksum in its first frame"
    return None


def crc16(content: bytes) -> int:
    """The sum of LAME's header (polynomial 0x8005, reflected, from 0)."""
    width = isqrt(len(content)) + 1
    rows = -(-len(content) // width)
    # Rows are summed at the same time; zeros at the start change no sum. Further rows, each of one bit and then zeros,
    # tell what becomes of a sum when a row follows it.
    cells = np.frombuffer(content.rjust(rows * width, b"\0") + bytes(16 * width), np.uint8).reshape(-1, width)
    sums = np.concatenate([np.zeros(rows, np.uint16), 1 << np.arange(16, dtype=np.uint16)])
    for column in np.ascontiguousarray(cells.T):
        sums = sums >> 8 ^ CRC16[(sums ^ column) & 0xFF]
    *own, bits = *map(int, sums[:rows]), [int(each) for each in sums[rows:]]
    total = 0
    for each in own:
        for bit in range(16):
            if total >> bit & 1:
                each ^= bits[bit]
        total = each
    return total


def _crc16_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint16)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ 0xA001, table >> 1).astype(np.uint16)
    return table


CRC16 = _crc16_table()


def _behind_tags(content: bytes, at: int) -> int:
    """The first byte behind tags, and the zeros after them."""
    while True:
        begin = at
        if content[at : at + 3] == b"ID3" and len(content) >= at + 10:
            size = 0
            for byte in content[at + 6 : at + 10]:
                size = size << 7 | byte & 127
            at += 10 + size + (10 if content[at + 5] & 16 else 0)
        elif content[at : at + 4] == b"TAG+":
            at += 227
        elif content[at : at + 3] == b"TAG":
            at += 128
        elif content[at : at + 8] == b"APETAGEX":
            at += 32 + int.from_bytes(content[at + 12 : at + 16], "little")
        if at > begin or begin > 0:
            at = ZEROS.match(content, min(at, len(content))).end()  # type: ignore[union-attr]
        if at == begin:
            return at


CHECKS: dict[str, Callable[[bytes], str | None]] = {"OGG": ogg_damage, "MP3": mp3_damage}
