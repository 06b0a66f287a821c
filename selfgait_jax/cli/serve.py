"""Shows a gallery as a page in the browser: drop clips, see who it is.

  selfgait serve people.gallery

and open the address that it prints. The gallery is made if it is missing. The
page is for this machine alone; --host binds to another address, and then every
visitor needs the token that is printed. Needs more packages:
pip install "selfgait_jax[serve]".
"""

import argparse
import pathlib
import secrets
import signal
import socket
import sys

from selfgait_jax import errors
from selfgait_jax.cli import common, galleries


def options(parser: argparse.ArgumentParser) -> None:
  galleries.add_gallery(parser)
  parser.add_argument(
    '--host',
    help='the address to bind to, with a token; without it 127.0.0.1, which '
    'needs none',
  )
  parser.add_argument(
    '--port', type=int, default=8470, help='8470; 0 for any that is free'
  )
  common.add_checkpoint(parser)


def run(options: argparse.Namespace) -> None:
  from selfgait_jax.gallery import database

  try:
    import uvicorn

    from selfgait_jax.serve import app, service
  except ImportError as error:
    raise errors.UserError(
      f'expected the packages of the page, found no {error.name}; run pip '
      'install "selfgait_jax[serve]"'
    ) from error
  path = pathlib.Path(options.gallery)
  database.check_place(path, create=True)  # before the network is loaded
  host = options.host or '127.0.0.1'
  token = secrets.token_urlsafe(24) if options.host else ''
  with _bind(host, options.port) as bound:
    embedder = common.load(options)
    with service.Service(path, embedder) as served:
      config = uvicorn.Config(
        app.make_app(served, {host, bound.getsockname()[0]}, token),
        # Requests name people's clips: nothing is written of them.
        log_level='warning',
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws='none',
        timeout_graceful_shutdown=5,  # of uploads that go on
      )
      # Dropped files are removed on the way out.
      signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
      bound.listen()  # who opens the address at once waits
      print(_address(bound, token), flush=True)
      uvicorn.Server(config).run(sockets=[bound])


def _bind(host, port):
  """A socket of the address; raises UserError if it cannot be had."""
  if not 0 <= port < 2**16:  # larger ones would be taken modulo 2**16
    raise errors.UserError(
      f'expected a port from 0 to {2**16 - 1}, found {port}; change --port'
    )
  try:
    family, kind, _, _, address = socket.getaddrinfo(
      host, port, type=socket.SOCK_STREAM
    )[0]
    bound = socket.socket(family, kind)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(address)
  except (OSError, UnicodeError) as error:
    raise errors.UserError(
      f'expected an address that is free at {errors.printable(host)} port '
      f'{port}, found {errors.first_line(error)}; change --host or --port'
    ) from error
  return bound


def _address(bound, token):
  """A line with the address to open, and the token if there is one."""
  host, port = bound.getsockname()[:2]
  host = f'[{host}]' if ':' in host else host
  if host in ('0.0.0.0', '[::]'):
    host = socket.gethostname()
  query = f'?token={token}' if token else ''
  return f'open http://{host}:{port}/{query} (Ctrl-C ends)'
