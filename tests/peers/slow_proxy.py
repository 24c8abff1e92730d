#!/usr/bin/env python3
"""slow_proxy.py ADDRESS PORT: a CONNECT proxy that says its answer byte by byte, then passes everything on."""
import socket
import sys
import threading
import time


def pump(source, sink):
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(client):
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(4096)
        if not piece:
            return
        head += piece
    line = head.split(b"\r\n")[0].decode()
    print(line, file=sys.stderr, flush=True)
    host, port = line.split()[1].rsplit(":", 1)
    target = socket.create_connection((host, int(port)))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"HTTP/1.1 200 Connection established\r\nProxy-Agent: slow\r\n\r\n":
        client.sendall(bytes([byte]))
        time.sleep(0.002)
    threading.Thread(target=pump, args=(target, client), daemon=True).start()
    pump(client, target)


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
    print("ready", file=sys.stderr, flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


main()
