"""After its first steps a stage compiles nothing more."""

import jax
import pytest

from selfgait_jax.configs import synthetic
from selfgait_jax.data import frame_sampler, loading, splits
from selfgait_jax.train import loop, monitor


@pytest.mark.slow
@pytest.mark.parametrize(
  'objective, loader',
  [('supervised', 'device'), ('supervised', 'array'), ('two_view', 'device')],
)
def test_no_step_compiles_after_the_first_of_its_kind(
  objective, loader, packed_file, tmp_path, monkeypatch
):
  """Clips of unequal length: one program a length they are padded to."""
  config = synthetic.get_config('smoke')
  config.data.packed_file, config.data.loader = str(packed_file), loader
  name = 'train' if objective == 'supervised' else 'pretrain'
  stage = config[name]
  if name == 'train':
    stage.frames_sampling, stage.frames_min, stage.frames_max = 'unfixed', 5, 12
    stage.batch_subjects, stage.batch_sequences = 2, 2
    lengths = frame_sampler.clip_lengths(stage, longest=8)
    assert lengths == (10, 12)
  config.stages, stage.steps, config.checkpoint.every_steps = name, 16, 1
  sequences = splits.cut(
    loading.load(config, splits.subjects(config, 'train')), config, 'train'
  )

  compiled, seen = [], []  # events so far; (shape, events) after each step

  def listen(event, duration, **_):
    if event.startswith('/jax/core/compile/backend_compile'):
      compiled.append(event)

  after = monitor.Monitor.after

  def count(self, step, state, batch, scalars, outputs):
    found = after(self, step, state, batch, scalars, outputs)
    clips = batch['clip' if 'clip' in batch else 'clip_1']
    seen.append((clips.shape, len(compiled)))
    return found

  monkeypatch.setattr(monitor.Monitor, 'after', count)
  jax.monitoring.register_event_duration_secs_listener(listen)
  try:
    loop.train(config, tmp_path, name, sequences)
  finally:
    jax.monitoring.unregister_event_duration_listener(listen)

  shapes = [shape for shape, _ in seen]
  assert len(set(shapes)) == (2 if name == 'train' else 1)
  # A length's first step compiles it, the stage's first ones what they log and
  # how they save.
  warm = {shapes.index(shape) for shape in set(shapes)} | {0, 1, 2}
  for step in set(range(1, 16)) - warm:
    assert seen[step][1] == seen[step - 1][1], f'step {step + 1}'
  assert seen[0][1] > 0
