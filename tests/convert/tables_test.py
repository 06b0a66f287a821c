"""The name tables list exactly the state dicts of the original programs."""

import hashlib
import json

import golden_weights
import pytest

from selfgait_jax.convert import difference, recognise, sections
from selfgait_jax.models import factory
from selfgait_jax.settings import networks

DEEP = {'layers': (1, 4, 4, 1)}
LARGE = {'widths': (32, 64, 128, 256), 'halving': 1}
WIDE = {'widths': (64, 128, 256)}
# State dicts of the original programs (golden/state_dicts.json has number and
# hash of their `[key, shape, dtype]`, in order): kind, other settings.
ORIGINALS = {
  'deepgaitv2_casiab': ('deepgaitv2', {}),
  'deepgaitv2_casiab_2d': ('deepgaitv2', {'mode': '2d'}),
  'deepgaitv2_casiab_3d': ('deepgaitv2', {'mode': '3d'}),
  'deepgaitv2_gait3d': ('deepgaitv2', DEEP | {'classes': 3000}),
  'deepgaitv2_gait3d_2d': (
    'deepgaitv2',
    DEEP | {'classes': 3000, 'mode': '2d'},
  ),
  'deepgaitv2_gait3d_3d': (
    'deepgaitv2',
    DEEP | {'classes': 3000, 'mode': '3d'},
  ),
  'deepgaitv2_grew': ('deepgaitv2', DEEP | {'classes': 20000}),
  'deepgaitv2_oumvlp': ('deepgaitv2', {'classes': 5153}),
  'deepgaitv2_sustech1k': ('deepgaitv2', {'classes': 250}),
  'gaitbase_da_casiab': ('gaitbase', {}),
  'gaitbase_da_gait3d': ('gaitbase', {'classes': 3000}),
  'gaitbase_da_grew': ('gaitbase', {'classes': 20000}),
  'gaitbase_oumvlp': ('gaitbase', {'classes': 5153}),
  'gaitgl_casiab': ('gaitgl', {}),
  'gaitgl_grew': ('gaitgl', LARGE | {'classes': 20000}),
  'gaitgl_grew_bnneck': ('gaitgl', LARGE | {'classes': 20000, 'neck': True}),
  'gaitgl_oumvlp': ('gaitgl', LARGE | {'classes': 5153}),
  'gaitpart_casiab': ('gaitpart', {}),
  'gaitpart_oumvlp': (
    'gaitpart',
    {'widths': (32, 64, 128, 256), 'halvings': (0, 0, 3, 3)},
  ),
  'gaitset_casiab': ('gaitset', {}),
  'gaitset_grew': ('gaitset', WIDE),
  'gaitset_original': ('gaitset_original', {}),
  'gaitset_oumvlp': ('gaitset', WIDE),
  'gaitssb_finetune_casiab': ('gaitssb', {'head': 'linear'}),
  'gaitssb_pretrain': ('gaitssb', {}),
  'selfgait': ('selfgait', {}),
}


@pytest.mark.parametrize('name', ORIGINALS)
def test_the_table_is_the_originals_state_dict(name):
  facts = json.loads((golden_weights.GOLDEN / 'state_dicts.json').read_text())
  kind, others = ORIGINALS[name]
  section = getattr(networks, recognise.KINDS[kind].model)()
  section.update(others)
  table = sections.TABLES[kind]
  rules = table.rules(section)
  shapes = difference.expected_shapes(rules, factory.make_model(section), 44)
  shapes |= {rule.key: rule.dead_shape for rule in rules if not rule.path}
  listed = [
    [rule.key, list(shapes[rule.key]), rule.dead_dtype] for rule in rules
  ]
  digest = hashlib.sha256(json.dumps(listed).encode()).hexdigest()
  assert [len(listed), digest] == facts[name]
  # The way to the settings, from the shapes.
  assert recognise.choose('auto', shapes)[0] == kind
  read = table.settings(shapes)
  assert set(others) <= set(read)
  assert read.items() <= section.to_dict().items()
