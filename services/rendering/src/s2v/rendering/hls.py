"""The film for HTTP Live Streaming: the same packets as fragments of 4 s in one file, and the playlist that names their places.

The film has a key frame at each full 4 s, so fragments are cut there exactly. Source: RFC 8216, sections 3.3 and 4.3.2.2.
"""

from __future__ import annotations

from pathlib import Path

import av

from s2v.rendering.encoder import KEY_SECONDS
from s2v.runtime.errors import EngineError

PLAYLIST, MEDIA = "video.m3u8", "video.m4s"
"""Names of the files that `make_stream` writes; the playlist names the other."""


def make_stream(film: Path, folder: Path) -> list[float]:
    """Writes playlist and fragments of a film into `folder`; returns the length of each fragment, in seconds.

    Errors: EngineError when a fragment is longer than 4 s.
    """
    options = {
        "hls_time": str(KEY_SECONDS),
        "hls_list_size": "0",
        "hls_playlist_type": "vod",
        "hls_segment_type": "fmp4",
        "hls_flags": "single_file+independent_segments",
        "hls_segment_filename": str(folder / MEDIA),
    }
    with av.open(str(film)) as source, av.open(str(folder / PLAYLIST), "w", format="hls", options=options) as stream:
        tracks = [source.streams.video[0], source.streams.audio[0]]
        made = {track.index: stream.add_stream_from_template(track) for track in tracks}
        for packet in source.demux(*tracks):
            if packet.dts is None:
                continue
            packet.stream = made[packet.stream.index]
            stream.mux(packet)
        length = float((tracks[0].duration or 0) * (tracks[0].time_base or 0))
    lengths = _correct_last(folder / PLAYLIST, length)
    if any(length > KEY_SECONDS + 0.001 for length in lengths):
        raise EngineError(f"a fragment of the stream is {max(lengths):.3f} s long instead of {KEY_SECONDS}")
    return lengths


def _correct_last(path: Path, length: float) -> list[float]:
    """Gives the last fragment of a playlist what the others leave of the film's length; returns all lengths.

    FFmpeg adds up the durations of packets there, and leaves out the one before the last.
    """
    playlist = path.read_text(encoding="utf-8")
    lengths = read_lengths(playlist)
    lengths[-1] = length - sum(lengths[:-1])
    before, last = playlist.rsplit("#EXTINF:", 1)
    path.write_text(f"{before}#EXTINF:{lengths[-1]:.6f},\n" + last.split("\n", 1)[1], encoding="utf-8")
    return lengths


def read_lengths(playlist: str) -> list[float]:
    """Returns the lengths that a playlist gives its segments, in seconds."""
    return [float(line.removeprefix("#EXTINF:").split(",")[0]) for line in playlist.splitlines() if line.startswith("#EXTINF:")]
