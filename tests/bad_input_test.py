"""What the user can get wrong ends with a sentence that says what to change."""

import dataclasses
import pathlib
import re
import zlib

import jax
import jax.numpy as jnp
import pytest
import small_run

from selfgait_jax import errors, main
from selfgait_jax.configs import default, synthetic
from selfgait_jax.data import packed
from selfgait_jax.models import factory
from selfgait_jax.run import checkpointing, manifests
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train import state as states

SETTINGS = {
  'stages': 'pretrain,dance',
  'data.name': 'kinetics',
  'data.partition': 'half',
  'data.loader': 'fast',
  'data.unlabelled_by': 'view',
  'data.labelled_by': 'view',
  'data.workers': 0,
  'data.prefetch': 0,
  'data.unlabelled_fraction': 0.0,
  'data.exclude_subjects': '999',
  'synthetic.train_subjects': 0,
  'seed': -1,
  'model.name': 'transformer',
  'model.dtype': 'float8',
  'model.widths': (4, 8, 0),
  'model.bins': (1, 3),
  'model.crop_width': 42,
  'eval.protocol': 'lfw',
  'eval.distance': 'manhattan',
  'eval.label_free_output': 'logits',
  'eval.batch_frames': 0,
  'augment.flip': 1.5,
  'checkpoint.every_steps': 0,
  'log.every_steps': 0,
  'log.held_out_every_steps': -1,
  'pretrain.objective': 'masked',
  'pretrain.pairs': 'random',
  'pretrain.views_per_batch': 3,
  'pretrain.infonce_target': 'queue',
  'pretrain.joint_every': 0,
  'pretrain.target_schedule': 'linear',
  'pretrain.target_momentum': 1.1,
  'pretrain.temperature': 0.0,
  'pretrain.cosine_weight': 0.0,  # and no other loss
  'pretrain.triplet': 'semi',
  'pretrain.optimizer': 'lion',
  'pretrain.schedule': 'steps',  # without milestones
  'pretrain.momentum': -0.1,
  'pretrain.margin': -1.0,
  'pretrain.labelled_fraction': 2.0,
  'pretrain.learning_rate': float('nan'),
  'pretrain.init': 'yesterday',
  'pretrain.steps': 0,
  'pretrain.batch_subjects': 0,
}


@pytest.fixture
def config(packed_file):
  c = synthetic.get_config('smoke')
  c.stages = 'pretrain'
  c.data.packed_file, c.data.loader = str(packed_file), 'array'
  c.pretrain.update(
    default.label_free_stage(
      frames=4, steps=4, batch_subjects=2, batch_sequences=4
    )
  )
  c.train.batch_subjects = c.train.batch_sequences = 4
  return c


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
  """A pretraining checkpoint of the smoke recipe, of random weights."""
  c = synthetic.get_config('smoke')
  model = factory.make_model(c.model)
  variables = factory.init_variables(model, jax.random.key(0), 44)
  optimizer = optimizers.make_optimizer(c.pretrain)
  state = states.create_state(variables, optimizer, model.target_modules)
  folder = tmp_path_factory.mktemp('run') / 'pretrain'
  manifest = manifests.make_manifest(c, 'pretrain')
  checkpoints = checkpointing.Checkpoints(folder, manifest, 1)
  checkpoints.save(state.replace(step=jnp.int32(4)), None)
  checkpoints.wait()
  checkpoints.close()
  return folder / 'checkpoints/4'


@pytest.mark.parametrize('key', SETTINGS)
def test_wrong_setting_is_named(config, tmp_path, key):
  config.update_from_flattened_dict({key: SETTINGS[key]})
  _refused(config, tmp_path, f'{key.split(".")[-1]}')
  assert not (tmp_path / 'pretrain/checkpoints').exists()


@pytest.mark.parametrize(
  'settings, words',
  [
    ({'pretrain.views_per_batch': 2}, 'synchronised_views'),
    (
      {'pretrain.pairs': 'synchronised_views', 'pretrain.views_per_batch': 1},
      'views_per_batch',
    ),
    (
      {'reference.pretrain_sampler': True, 'pretrain.views_per_batch': 1},
      'pretrain_sampler',
    ),
    (
      {
        'reference.pretrain_sampler': True,
        'pretrain.pairs': 'synchronised_views',
      },
      'pretrain_sampler',
    ),
    ({'pretrain.objective': 'predictive', 'pretrain.frames': 1}, 'frames'),
    (
      {'stages': 'finetune,pretrain', 'finetune.init': 'pretrain'},
      'stage pretrain before finetune',
    ),
    ({'stages': 'train', 'train.batch_subjects': 5}, 'at least 5 subjects'),
    (
      {'stages': 'few_scratch', 'few_scratch.labelled_fraction': 0.25},
      'at least 2 subjects',
    ),
    ({'pretrain.batch_sequences': 3}, 'divisible by the 4 devices'),
    ({'stages': 'evaluate'}, 'a trained stage'),
    ({'stages': 'finetune'}, 'a checkpoint in'),
    ({'init_from': '/nowhere'}, 'a checkpoint in /nowhere'),
    ({'stages': 'evaluate', 'init_from': '/nowhere'}, '/nowhere'),
    ({'data.packed_file': '/nowhere.npz'}, '/nowhere.npz'),
    ({'data.min_frames': 100}, 'min_frames'),
    (
      {'log.held_out_every_steps': 1, 'log.held_out_subjects': 4},
      'held_out_subjects',
    ),
    ({'eval.protocol': 'gait3d'}, 'data.partition_file'),
    (
      {'eval.protocol': 'grew', 'log.held_out_every_steps': 1},
      'held_out_every_steps',
    ),
    (
      {
        'eval.protocol': 'gait3d',
        'data.partition_file': 'x.json',
        'eval.linear_probe': True,
      },
      'eval.linear_probe',
    ),
    ({'eval.protocol': 'ccpg', 'eval.linear_probe': True}, 'linear_probe'),
    ({'eval.rerank': True}, 'eval.rerank'),
    ({'data.partition_file': '/nowhere.json'}, '/nowhere.json'),
  ],
)
def test_what_does_not_go_together(config, tmp_path, settings, words):
  config.update_from_flattened_dict(settings)
  _refused(config, tmp_path, words)


def test_data_that_are_not_there(config, tmp_path):
  config.data.packed_file, config.data_dir = '', str(tmp_path / 'data')
  config.data.name = 'casia_b'
  _refused(config, tmp_path / 'run', 'prepare_silhouettes.py --dataset=casiab')


def test_work_folder_that_is_a_file(config, tmp_path):
  (tmp_path / 'run').write_text('')
  _refused(config, tmp_path / 'run', 'change --workdir')


def test_probe_subject_without_gallery(
  config, packed_file, checkpoint, tmp_path
):
  records = packed.read(packed_file, 'synthetic_gait')
  kept = [
    dataclasses.replace(r, frames=zlib.compress(packed.decode(r).tobytes()))
    for r in records
    if r.subject != '007' or r.condition in ('nm-05', 'bg-01')
  ]
  packed.write(kept, tmp_path / 'some.npz', 'synthetic_gait')
  config.data.packed_file = str(tmp_path / 'some.npz')
  config.stages, config.init_from = 'evaluate', str(checkpoint)
  _refused(config, tmp_path / 'run', '007')


def test_protocol_of_another_data_set(config, checkpoint, tmp_path):
  config.stages, config.init_from = 'evaluate', str(checkpoint)
  config.eval.protocol = 'oumvlp'
  _refused(config, tmp_path, 'protocol')


def test_checkpoint_of_another_model(config, checkpoint, tmp_path):
  config.stages, config.init_from = 'finetune', str(checkpoint)
  config.model.embedding_dim = 16
  _refused(config, tmp_path, 'model.embedding_dim=16')


def test_folder_begun_with_another_model(config, checkpoint):
  config.model.embedding_dim = 16
  config.pretrain.steps = 8
  workdir = checkpoint.parents[2]
  _refused(config, workdir, 'config.model.embedding_dim')
  assert checkpoint.is_dir()


@pytest.mark.parametrize(
  'settings, words',
  [
    (['pretrain.stpes=3'], 'config.pretrain.stpes'),
    (['pretrain.objective=masked'], 'config.pretrain.objective'),
    *(
      pytest.param(*case, marks=pytest.mark.slow)
      for case in (
        (['nonsense.deep=3'], 'config.nonsense.deep'),
        (['pretrain.steps=many'], 'config.pretrain.steps=many'),
        (['augment.flip=yes'], 'config.augment.flip=yes'),
      )
    ),
  ],
)
def test_command_line_says_one_sentence(packed_file, tmp_path, settings, words):
  arguments = small_run.overrides(packed_file, tmp_path, *settings)
  _one_sentence(arguments, words)


@pytest.mark.parametrize(
  'file, words',
  [
    ('configs/synthetic.py:grand', 'laptop, smoke'),
    ('configs/nothing.py', 'configs/nothing.py'),
  ],
)
def test_config_that_is_not_there(tmp_path, file, words):
  _one_sentence([f'--config={file}', f'--workdir={tmp_path}'], words)


def test_devices_that_cannot_share_the_batch(
  packed_file, tmp_path, monkeypatch
):
  monkeypatch.setenv('XLA_FLAGS', '--xla_force_host_platform_device_count=3')
  arguments = small_run.overrides(packed_file, tmp_path)
  words = _one_sentence(arguments, 'divisible by the 3 devices, found 8')
  assert 'config.pretrain.batch_subjects' in words


def _refused(config, workdir, words):
  """`main.run` raises a sentence of three parts that holds `words`."""
  with pytest.raises(errors.UserError) as caught:
    main.run(config, pathlib.Path(workdir))
  sentence = str(caught.value)
  assert re.fullmatch(
    'expected .*, found .*; .*|expected .*, found .*', sentence
  )
  assert words in sentence


def _one_sentence(arguments, words):
  """Exit status 1; the sentence, after the log, is the last line."""
  status, said = small_run.finish(small_run.start(arguments))
  lines = said.splitlines()
  assert status == 1
  assert lines[-1].startswith('error: ') and words in lines[-1], said
  assert 'Traceback' not in said
  assert sum(line.startswith('error: ') for line in lines) == 1
  return lines[-1]
