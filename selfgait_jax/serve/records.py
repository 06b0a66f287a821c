"""What the page and the API answer, as records with a schema."""

from typing import Literal

import pydantic

Kind = Literal['look', 'enrol', 'calibrate']
State = Literal['waiting', 'running', 'done', 'failed', 'cancelled']


class Record(pydantic.BaseModel):
  """Cannot be changed, and has no other fields."""

  model_config = pydantic.ConfigDict(frozen=True, extra='forbid')


class Person(Record):
  """An enrolled person; `key` stands for the name in addresses."""

  key: str
  name: str
  clips: int
  frames: int
  doubtful: int
  first: str
  last: str


class Calibration(Record):
  """The threshold that is stored; people are compared by their nearest clip."""

  threshold: float | None
  far: float
  people: int
  clips: int


class Gallery(Record):
  """Who is enrolled, in the order of their first clips."""

  name: str
  model: str
  people: list[Person]
  calibration: Calibration | None


class Match(Record):
  """A person near a clip; no probability without a calibration."""

  name: str
  distance: float
  probability: float | None
  accepted: bool | None
  source: str


class Seen(Record):
  """A clip, what is said against it, and the nearest people.

  `kept` of its `frames` could be read, and `usable` of these show one person.
  """

  number: int
  source: str
  frames: int
  kept: int
  usable: int
  verdict: Literal['good', 'doubtful', 'refused']
  reasons: list[str]
  matches: list[Match]


class Look(Record):
  """What was found in dropped files."""

  kind: Literal['look'] = 'look'
  clips: list[Seen]
  note: str


class Outcome(Record):
  """What became of a clip that was to be enrolled."""

  source: str
  verdict: str
  enrolled: bool
  reasons: list[str]


class Enrolment(Record):
  """What became of clips that were to be enrolled under a name."""

  kind: Literal['enrol'] = 'enrol'
  name: str
  clips: list[Outcome]


class Rate(Record):
  """Percent, with 95 % of the draws; None where there are too few pairs."""

  value: float | None
  low: float | None
  high: float | None


class Scores(Record):
  """How well the people of a calibration are told apart."""

  kind: Literal['calibrate'] = 'calibrate'
  people: int
  clips: int
  refused: int
  genuine: int
  impostors: int
  threshold: float | None
  strangers_accepted: float | None
  calibration_error: float | None
  rates: dict[str, Rate]


class Job(Record):
  """A piece of work; `result` once it is done, `error` if it failed."""

  id: str
  kind: Kind
  state: State
  before: int
  line: str
  done: int
  total: int
  error: str
  result: Look | Enrolment | Scores | None = pydantic.Field(
    None, discriminator='kind'
  )


class Changed(Record):
  """A person who was renamed or forgotten.

  `erased` is false if bytes of the old name or person stay in the file until it
  is opened again, because another process reads it or the disk is full.
  """

  name: str
  clips: int
  erased: bool


class Failure(Record):
  """What was expected, what was found and what to change."""

  error: str


class NewName(Record):
  """Body of a renaming."""

  name: str


class ToEnrol(Record):
  """Body of an enrolment, of a person who has agreed to it.

  `clips` are the numbers of clips of the look; null for all.
  """

  name: str
  clips: list[int] | None = None


class ToCalibrate(Record):
  """Body of a calibration; `far` is the false accept rate of the threshold."""

  far: float = 0.01
