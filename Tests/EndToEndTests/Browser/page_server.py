"""Serves a page from an origin of its own, and prints what the page reports.

usage: page_server.py FOLDER

Prints the port on the first line, then the body of every POST, one a line. Everything else is the folder's files.
"""

import functools
import http.server
import sys


class Pages(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        print(body.decode(), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", 0), functools.partial(Pages, directory=sys.argv[1]))
print(server.server_address[1], flush=True)
server.serve_forever()
