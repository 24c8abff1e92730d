#!/usr/bin/env python3
"""connect_proxy.py PORT PIDFILE: an HTTP proxy that only knows CONNECT, on the loopback.

Every name leads to this machine. SIGTERM ends it: it prints the targets that bytes came back from, one a
line, and exits 0.
"""
import pathlib
import signal
import socket
import sys
import threading

HEAD_BYTES_MAX = 8192
targets = set()


def pump(source, sink, target=None):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
            if target:
                targets.add(target)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client):
    head = b""
    while b"\r\n\r\n" not in head and len(head) < HEAD_BYTES_MAX:
        data = client.recv(4096)
        if not data:
            return
        head += data
    method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
    if method != "CONNECT":
        client.sendall(b"HTTP/1.1 405 only CONNECT\r\nContent-Length: 0\r\n\r\n")
        return
    server = socket.create_connection(("127.0.0.1", int(target.rsplit(":", 1)[1])))
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    threading.Thread(target=pump, args=(client, server), daemon=True).start()
    pump(server, client, target)


def end(*_):
    print("\n".join(sorted(targets)), flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, end)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
pathlib.Path(sys.argv[2]).write_text(f"{__import__('os').getpid()}\n")
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
