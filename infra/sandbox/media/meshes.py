"""Binary glTF meshes: an image becomes a relief, textured with itself.

Layout from "glTF 2.0 Specification", sections "Binary glTF layout" and "Meshes".
"""

import json
import struct
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from infra.sandbox.image_ops.codec import Pixels, as_bytes, encode

GRID = 24  # points along each side
DEPTH = 0.15  # of the brightest point; the longer side is 1
FLOAT, UNSIGNED_SHORT = 5126, 5123
VERTICES, INDICES = 34962, 34963
TEXTURE_SIDE = 512

Floats: TypeAlias = npt.NDArray[np.float32]
Indices: TypeAlias = npt.NDArray[np.uint16]


def relief(rgb: Pixels) -> bytes:
    """Return a GLB file of the image as a relief with bright parts raised."""
    positions, places, triangles = _mesh(rgb)
    parts = [positions.tobytes(), places.tobytes(), triangles.tobytes(), _texture(rgb)]
    views, whole = [], b""
    for part, target in zip(parts, (VERTICES, VERTICES, INDICES, None), strict=True):
        view = {"buffer": 0, "byteOffset": len(whole), "byteLength": len(part)}
        views.append(view | ({} if target is None else {"target": target}))
        whole += part + bytes(-len(part) % 4)
    document = {
        "asset": {"version": "2.0", "generator": "sandbox"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [
            {
                "primitives": [
                    {"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}
                ]
            }
        ],
        "materials": [
            {
                "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0},
                "doubleSided": True,
            }
        ],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 3, "mimeType": "image/png"}],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": FLOAT,
                "count": len(positions),
                "type": "VEC3",
                "min": positions.min(axis=0).tolist(),
                "max": positions.max(axis=0).tolist(),
            },
            {"bufferView": 1, "componentType": FLOAT, "count": len(places), "type": "VEC2"},
            {
                "bufferView": 2,
                "componentType": UNSIGNED_SHORT,
                "count": triangles.size,
                "type": "SCALAR",
            },
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(whole)}],
    }
    return _glb(json.dumps(document).encode(), whole)


def _mesh(rgb: Pixels) -> tuple[Floats, Floats, Indices]:
    height, width = rgb.shape[:2]
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    levels = as_bytes(cv2.resize(grey, (GRID, GRID), interpolation=cv2.INTER_AREA))
    rows, columns = (axis.ravel() for axis in np.mgrid[:GRID, :GRID])
    places = (np.column_stack([columns, rows]) / (GRID - 1)).astype(np.float32)
    scale = np.array([width, height]) / max(width, height)
    flat = (places - 0.5) * scale * np.array([1, -1])
    positions = np.column_stack([flat, levels.ravel() / 255 * DEPTH]).astype(np.float32)
    corner = (np.arange(GRID - 1)[:, None] * GRID + np.arange(GRID - 1)[None, :]).ravel()
    right, below = corner + 1, corner + GRID
    triangles = np.column_stack([corner, below, right, right, below, below + 1]).astype(np.uint16)
    return positions, places, triangles


def _texture(rgb: Pixels) -> bytes:
    scale = min(1.0, TEXTURE_SIDE / max(rgb.shape[:2]))
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return encode(as_bytes(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)))


def _glb(document: bytes, binary: bytes) -> bytes:
    document += b" " * (-len(document) % 4)
    chunks = struct.pack("<I4s", len(document), b"JSON") + document
    chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
