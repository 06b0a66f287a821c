"""What a request must show, and the security headers of every answer.

Any page in the user's browser can send requests to 127.0.0.1. So the names that
such requests carry are checked: a foreign `Host` is a name that was rebound to
this machine, a foreign `Origin` another page that sends a form.
"""

import ipaddress
import re
import secrets
import socket
import urllib.parse
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse

from selfgait_jax import errors
from selfgait_jax.serve import faults, parts

LOOPBACK = ('127.0.0.1', 'localhost', '::1')
_ANY = ('0.0.0.0', '::')
_SMALL_BODY = 64 * 2**10  # bytes of a body that is no upload
_FRAMING = 32 * 2**20  # bytes around the files of an upload: 1,600 for each
_HEADERS = {
  'content-security-policy': (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
  ),
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  # With `no-referrer`, browsers would send the Origin of a form as `null`.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'cache-control': 'no-store',
}


class Guard:
  """ASGI middleware around the app."""

  def __init__(
    self,
    app,
    hosts: Iterable[str],
    token: str = '',
    upload_paths: Iterable[str] = (),
  ):
    """
    Args:
      app: the ASGI application.
      hosts: names and addresses that the server is bound to.
      token: that every request must show; '' for none.
      upload_paths: that take bodies of more than 64 KiB.
    """
    self._app, self._token = app, token
    hosts = {host.lower() for host in hosts}
    self._names = {*LOOPBACK, *hosts, socket.gethostname().lower()}
    self._any_address = not hosts.isdisjoint(_ANY)
    self._upload_paths = frozenset(upload_paths)

  async def __call__(self, scope, receive, send):
    if scope['type'] != 'http':
      await self._app(scope, receive, send)
      return
    headers = Headers(scope=scope)
    answer = self._refusal(scope['method'], headers)
    if answer is None and self._token:
      answer = self._ask_for_token(scope, headers)
    send = _with_headers(send)
    if answer is None:
      largest = self._largest_body(scope['path'])
      await self._app(scope, _bounded(receive, largest), send)
    else:
      await answer(scope, receive, send)

  def _refusal(self, method, headers):
    """An answer to a request from elsewhere; None if it may pass."""
    hosts = headers.getlist('host')
    if len(hosts) != 1 or not self._is_ours(hosts[0]):
      return _say(
        'expected an address of this page as the Host of the request, found '
        f'{errors.printable(", ".join(hosts))!r}; open the address that '
        '`selfgait serve` printed'
      )
    origin = headers.get('origin')
    site = headers.get('sec-fetch-site', 'none')
    moves = method == 'GET' and headers.get('sec-fetch-mode') == 'navigate'
    foreign = site not in ('none', 'same-origin') and not moves
    if foreign or origin not in (None, f'http://{hosts[0]}'):
      return _say(
        'expected a request of this page, found one of another '
        f'({errors.printable(origin or site)}); open the address that '
        '`selfgait serve` printed'
      )
    return None

  def _is_ours(self, host):
    if not re.fullmatch(
      r'[A-Za-z0-9._-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?', host
    ):
      return False
    try:
      name = urllib.parse.urlsplit(f'//{host}').hostname or ''
    except ValueError:  # no address in the brackets
      return False
    if name in self._names:
      return True
    # Rebinding needs a name of the DNS; an address cannot be rebound.
    return self._any_address and _is_address(name)

  def _ask_for_token(self, scope, headers):
    """None if the request has the token."""
    # Browsers share cookies between the ports of a host.
    cookie = f'selfgait-{(scope.get("server") or ("", 0))[1]}'
    query = urllib.parse.parse_qs(scope['query_string'].decode('latin-1'))
    given = query.get('token', [''])[0]
    if self._is_token(given) and scope['method'] == 'GET':
      answer = RedirectResponse('/', 303)
      answer.set_cookie(cookie, given, httponly=True, samesite='strict')
      return answer
    bearer = headers.get('authorization', '').removeprefix('Bearer ')
    cookies = dict(
      part.strip().partition('=')[::2]
      for part in headers.get('cookie', '').split(';')
    )
    if self._is_token(bearer) or self._is_token(cookies.get(cookie, '')):
      return None
    return _say(
      'expected the token of this page, found none or another; open the '
      'address with the token that `selfgait serve` printed',
      401,
    )

  def _is_token(self, given):
    return secrets.compare_digest(given.encode(), self._token.encode())

  def _largest_body(self, path):
    if path in self._upload_paths:
      return parts.MOST_BYTES + _FRAMING
    return _SMALL_BODY


def _bounded(receive, largest):
  """`receive` that raises a Fault for a body of more than `largest` bytes."""
  seen = 0

  async def bounded():
    nonlocal seen
    message = await receive()
    seen += len(message.get('body', b''))
    if seen > largest:
      raise faults.Fault(
        413,
        f'expected at most {largest / 1e6:,.1f} MB at once, found more; send '
        'it in parts',
      )
    return message

  return bounded


def _with_headers(send):
  """`send` that adds the headers of `_HEADERS`, but keeps those of the app."""

  async def send_all(message):
    if message['type'] == 'http.response.start':
      headers = MutableHeaders(scope=message)
      for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    await send(message)

  return send_all


def _is_address(name):
  try:
    ipaddress.ip_address(name)
  except ValueError:
    return False
  return True


def _say(sentence, status=403):
  return PlainTextResponse(f'{sentence}\n', status)
