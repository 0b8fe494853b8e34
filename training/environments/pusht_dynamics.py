"""Push-T (`swm/PushT-v1` of stable-worldmodel): a round agent pushes a T about a table.

Physics is Chipmunk's, by way of pymunk, with the reference's bodies and controller; frames are drawn with the
reference's drawing calls of pygame and reduced with its resize of OpenCV, so that states and frames agree bit for bit.
The environment's optional variations (shapes, colours, another goal) are at their defaults. A state is [agent x, agent
y, block x, block y, block angle, agent velocity x, agent velocity y] in pixels of a table of 512, radians and pixels a
second. A world knows a little more than its state, the block's velocity and its contacts: one that is continued differs
in its first hundredths of a second from one that is set up from the state."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import pygame
import pymunk
import torch
from pymunk import SpaceDebugDrawOptions, Vec2d
from pymunk.space_debug_draw_options import SpaceDebugColor
from torch import Tensor

from .frames import IMAGE

TABLE = 512
STATE_SIZE = 7
ACTION_SCALE = 100
GAIN_POSITION, GAIN_VELOCITY = 100, 20
SUBSTEP_S = 0.01
SUBSTEPS = 10
AGENT_RADIUS = 15.0
BLOCK_UNIT = 30
GOAL_POSE = (256.0, 256.0, math.pi / 4)
SUCCESS_DISTANCE = 20.0
SUCCESS_ANGLE = math.pi / 9
INSTANT_S = 1e-12
# Bytes of a pixel in memory: red, green, blue and one that is not used.
CANVAS_MASKS = (0xFF, 0xFF00, 0xFF0000, 0) if sys.byteorder == "little" else (0xFF000000, 0xFF0000, 0xFF00, 0)

WHITE, ROYAL_BLUE, SLATE_GRAY, LIGHT_GRAY, LIGHT_GREEN = (
    pygame.Color(name) for name in ("white", "RoyalBlue", "LightSlateGray", "LightGray", "LightGreen")
)


class Table:
    """One pymunk space with walls, agent and block."""

    def __init__(self) -> None:
        self.space = pymunk.Space()
        self.space.gravity = 0, 0
        # What is not pushed stands still.
        self.space.damping = 0
        low, high = 5, 506
        corners = [
            ((low, high), (low, low)),
            ((low, low), (high, low)),
            ((high, low), (high, high)),
            ((low, high), (high, high)),
        ]
        walls = [pymunk.Segment(self.space.static_body, a, b, 2) for a, b in corners]
        for wall in walls:
            wall.color = LIGHT_GRAY
        self.space.add(*walls)
        self.agent = pymunk.Body(body_type=pymunk.Body.KINEMATIC)
        disc = pymunk.Circle(self.agent, AGENT_RADIUS)
        disc.color = ROYAL_BLUE
        self.space.add(self.agent, disc)
        self.block = self._tee()

    def _tee(self) -> pymunk.Body:
        unit = BLOCK_UNIT
        bar = [(-2 * unit, unit), (2 * unit, unit), (2 * unit, 0), (-2 * unit, 0)]
        stem = [(-unit / 2, unit), (-unit / 2, 4 * unit), (unit / 2, 4 * unit), (unit / 2, unit)]
        # The reference adds the bar's moment of inertia twice.
        body = pymunk.Body(1, 2 * pymunk.moment_for_poly(1, vertices=bar))
        shapes = [pymunk.Poly(body, vertices) for vertices in (bar, stem)]
        for shape in shapes:
            shape.color = SLATE_GRAY
        body.center_of_gravity = (shapes[0].center_of_gravity + shapes[1].center_of_gravity) / 2
        self.space.add(body, *shapes)
        return body

    def place(self, state: Sequence[float]) -> None:
        """Without effect on contacts until the next substep."""
        self.agent.velocity = state[5], state[6]
        self.agent.position = state[0], state[1]
        # The angle first: setting it turns the block about its centre of gravity,
        # and the position is that of its origin.
        self.block.angle = state[4]
        self.block.position = state[2], state[3]

    def step(self, action: np.ndarray) -> None:
        """`action` float32 [2], relative to where the agent is, in ACTION_SCALE pixels."""
        target = self.agent.position + action * ACTION_SCALE
        for _ in range(SUBSTEPS):
            pull = GAIN_POSITION * (target - self.agent.position) + GAIN_VELOCITY * (Vec2d(0, 0) - self.agent.velocity)
            self.agent.velocity += pull * SUBSTEP_S
            self.space.step(SUBSTEP_S)

    @property
    def state(self) -> list[float]:
        return [*self.agent.position, *self.block.position, self.block.angle % (2 * math.pi), *self.agent.velocity]


def reached(states: Tensor, goals: Tensor) -> Tensor:
    """bool [...]: success as the environment defines it, by the places of agent and block together and the block's
    angle."""
    near = torch.linalg.vector_norm((states - goals)[..., :4], dim=-1) < SUCCESS_DISTANCE
    angle = (states - goals)[..., 4].abs()
    return near & (torch.minimum(angle, 2 * math.pi - angle) < SUCCESS_ANGLE)


class Worlds:
    """Tables side by side, one for each of states [B, 7]."""

    def __init__(self, states: Tensor) -> None:
        self.tables = [Table() for _ in states]
        for table, state in zip(self.tables, states.double().tolist()):
            table.place(state)
            table.space.step(SUBSTEP_S)

    @property
    def states(self) -> Tensor:
        """float32 [B, 7]."""
        return torch.tensor([table.state for table in self.tables], dtype=torch.float32)

    def step(self, actions: Tensor) -> Tensor:
        """actions [B, 2] -> states after them [B, 7]."""
        for table, action in zip(self.tables, actions.float().numpy()):
            table.step(action)
        return self.states


class _Painter(SpaceDebugDrawOptions):
    """Fills shapes in a lighter colour and outlines them as wide as a finger."""

    def __init__(self, surface: pygame.Surface) -> None:
        self.surface = surface
        super().__init__()

    def draw_circle(
        self, pos: Vec2d, angle: float, radius: float, outline_color: SpaceDebugColor, fill_color: SpaceDebugColor
    ) -> None:
        pygame.draw.circle(self.surface, fill_color.as_int(), _pixel(pos), round(radius))
        pygame.draw.circle(self.surface, _lighter(fill_color), _pixel(pos), round(radius - 4))

    def draw_segment(self, a: Vec2d, b: Vec2d, color: SpaceDebugColor) -> None:
        pygame.draw.aalines(self.surface, color.as_int(), False, [_pixel(a), _pixel(b)])

    def draw_fat_segment(
        self,
        a: tuple[float, float],
        b: tuple[float, float],
        radius: float,
        outline_color: SpaceDebugColor,
        fill_color: SpaceDebugColor,
    ) -> None:
        (ax, ay), (bx, by) = _pixel(a), _pixel(b)
        colour, width = fill_color.as_int(), round(max(1, radius * 2))
        pygame.draw.lines(self.surface, colour, False, [(ax, ay), (bx, by)], width)
        dx, dy = abs(bx - ax), abs(by - ay)
        if width <= 2 or (dx == 0 and dy == 0):
            return
        # Rounded ends. The offset is the reference's, which is across the segment only where that falls to the left.
        scale = radius / (dy * dy + dx * dx) ** 0.5
        ox, oy = round(dy * scale), round(dx * scale)
        pygame.draw.polygon(
            self.surface, colour, [(ax - ox, ay - oy), (ax + ox, ay + oy), (bx + ox, by + oy), (bx - ox, by - oy)]
        )
        pygame.draw.circle(self.surface, colour, (ax, ay), round(radius))
        pygame.draw.circle(self.surface, colour, (bx, by), round(radius))

    def draw_polygon(
        self,
        verts: Sequence[tuple[float, float]],
        radius: float,
        outline_color: SpaceDebugColor,
        fill_color: SpaceDebugColor,
    ) -> None:
        corners = [_pixel(vertex) for vertex in verts]
        pygame.draw.polygon(self.surface, _lighter(fill_color), [*corners, corners[0]])
        for a, b in zip(verts, [*verts[1:], verts[0]]):
            self.draw_fat_segment(a, b, 2, fill_color, fill_color)


def _pixel(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0]), round(point[1])


def _lighter(colour: SpaceDebugColor) -> tuple[int, ...]:
    return tuple(round(float(min(np.float32(255), np.float32(1.2) * np.float32(part)))) for part in colour)


@cache
def _stage() -> Table:
    """What frames are drawn from."""
    return Table()


def draw(state: Sequence[float]) -> np.ndarray:
    """The frame of a state: uint8 [224, 224, 3]."""
    table = _stage()
    table.place(state)
    # Frames show where shapes touch, which a step finds out. This one is too short to move anything.
    table.space.step(INSTANT_S)
    canvas = pygame.Surface((TABLE, TABLE), depth=32, masks=CANVAS_MASKS)
    canvas.fill(WHITE)
    goal = pymunk.Body(1, 1)
    goal.position, goal.angle = GOAL_POSE[:2], GOAL_POSE[2]
    for shape in table.block.shapes:
        corners = [_pixel(goal.local_to_world(vertex)) for vertex in shape.get_vertices()]
        pygame.draw.polygon(canvas, LIGHT_GREEN, [*corners, corners[0]])
    table.space.debug_draw(_Painter(canvas))
    pixels = np.frombuffer(canvas.get_buffer(), np.uint8).reshape(TABLE, TABLE, 4)
    return cv2.cvtColor(cv2.resize(pixels, (IMAGE, IMAGE)), cv2.COLOR_RGBA2RGB)


def outline(state: Sequence[float]) -> list[list[tuple[float, float]]]:
    """Corners of the two polygons of a state's block, in pixels of the table."""
    table = _stage()
    table.place(state)
    return [[table.block.local_to_world(vertex) for vertex in shape.get_vertices()] for shape in table.block.shapes]
