"""Bytes on the wire per call, arithmetic on the protocols' own headers (RFC 3550, 768, 791, 9293; IEEE 802.3)."""

from __future__ import annotations

PACKETS_PER_S = 50  # 20 ms each
ETHERNET_BYTES = 18  # header and check sum; the 20 bytes of preamble and gap take time, but count as no traffic
IPV4_BYTES, UDP_BYTES, RTP_BYTES = 20, 8, 12
TCP_BYTES = 32  # with time stamps
G711_BYTES = 160
AUDIOSOCKET_BYTES = 3 + 320  # s16le

RTP_PACKET_BYTES = ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES + RTP_BYTES + G711_BYTES
AUDIOSOCKET_PACKET_BYTES = ETHERNET_BYTES + IPV4_BYTES + TCP_BYTES + AUDIOSOCKET_BYTES


def mbit_per_s(calls: float, packet_bytes: int) -> float:
    """Of so many calls, one direction."""
    return calls * packet_bytes * PACKETS_PER_S * 8 / 1e6
