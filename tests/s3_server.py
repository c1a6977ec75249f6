"""A server that speaks S3 on loopback, in a process of its own: run as a script.

It is moto's server, with one thing added: requests are answered one at a time. By
itself moto looks whether a name is free and then makes it, without a lock between.
It lists 100 names at once (S3 lists 1,000), so that a listing is put together soon.
It prints its port, and ends when its standard input does.
"""

import logging
import os
import sys
import threading


def main():
    """Serve until nobody holds the other end of standard input any more."""
    from moto.moto_server import werkzeug_app as moto_server
    from werkzeug.serving import make_server

    os.environ["MOTO_S3_DEFAULT_MAX_KEYS"] = "100"
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    create = moto_server.create_backend_app
    moto = moto_server.DomainDispatcherApplication(create)
    turn = threading.Lock()

    def one_at_a_time(environ, start_response):
        with turn:
            return list(moto(environ, start_response))

    handler = moto_server.MotoRequestHandler
    server = make_server("127.0.0.1", 0, one_at_a_time, True, request_handler=handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
