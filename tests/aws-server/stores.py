"""The object stores that object_store.py stands in front of. Each has a port, credentials of its own that may do
everything, and lets others in (`admit`)."""

import os
import subprocess
import sys
import threading
import uuid

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

import process
from server import one_at_a_time

HERE = os.path.dirname(os.path.abspath(__file__))


class Moto:
    """moto's S3, in this process; any credentials."""

    root = ("any", "any")

    def __init__(self, _folder):
        app = one_at_a_time(DomainDispatcherApplication(create_backend_app))
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def admit(self, key, secret):
        pass


class Ministack:
    """ministack's S3, which is another implementation; any credentials."""

    root = ("test", "test")

    def __init__(self, folder):
        said, port_file = os.path.join(folder, "ministack"), os.path.join(folder, "ministack-port")
        program = os.path.join(HERE, "second_lane.py")
        options = ["--anybody", "--services", "s3", "--state-dir", folder, "--port-file", port_file]
        self.port = process.free_port()
        child = process.start([sys.executable, program, "--port", str(self.port), *options], said)
        process.wait_for_port(self.port, child, said)

    def admit(self, key, secret):
        pass


class S3s:
    """s3s-fs, which looks first and writes later. It knows one key only, so it begins anew with each."""

    root = ("any", "any")

    def __init__(self, folder):
        self.data, self.said = os.path.join(folder, "data"), os.path.join(folder, "s3s-fs")
        os.mkdir(self.data)
        self.port = process.free_port()
        self.child = None
        self.run()

    def run(self):
        if self.child:
            self.child.kill()
            self.child.wait()
        place = ["--host", "127.0.0.1", "--port", str(self.port)]
        who = ["--access-key", self.root[0], "--secret-key", self.root[1]]
        program = os.environ.get("BREAKGLASS_S3S", "s3s-fs")
        self.child = process.start([program, *place, *who, self.data], self.said)
        process.wait_for_port(self.port, self.child, self.said)

    def admit(self, key, secret):
        self.root = (key, secret)
        self.run()


class Ceph:
    """Ceph's RGW on a cluster of one monitor and one OSD that keeps everything in memory. It verifies signatures."""

    root = ("any", "any")

    def __init__(self, folder):
        self.folder, self.conf = folder, os.path.join(folder, "ceph.conf")
        for part in ["mon", "osd", "rgw"]:
            os.mkdir(os.path.join(folder, part))
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        monitor = f"[v2:127.0.0.1:{process.free_port()}]"
        process.write(self.conf, ceph_conf(folder, fsid, monitor))
        monmap = os.path.join(folder, "monmap")
        self.do("monmaptool", "--create", "--fsid", fsid, "--addv", "a", monitor, monmap)
        self.do("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
        self.daemon("ceph-mon", "-i", "a")
        self.do("ceph", "--connect-timeout", "60", "osd", "create", osd)
        self.do("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", osd)
        self.daemon("ceph-osd", "-i", "0")
        self.admin("user", "create", "--uid", "breakglass", "--display-name", "breakglass")
        self.admit(*self.root)
        self.port = process.free_port()
        listen = f"beast endpoint=127.0.0.1:{self.port}"
        gateway = self.daemon("radosgw", "-n", "client.admin", "--rgw-frontends", listen)
        process.wait_for_port(self.port, gateway, os.path.join(folder, "radosgw"))

    def admit(self, key, secret):
        self.admin("key", "create", "--uid", "breakglass", "--access-key", key, "--secret-key", secret)

    def admin(self, *args):
        self.do("radosgw-admin", *args)

    def do(self, program, *args):
        conf = [] if program == "monmaptool" else ["-c", self.conf]
        done = subprocess.run([program, *conf, *args], capture_output=True, timeout=180, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{program} {args[0]}: {done.stdout}{done.stderr}")

    def daemon(self, program, *args):
        return process.start([program, "-f", "-c", self.conf, *args], os.path.join(self.folder, program))


def ceph_conf(folder, fsid, monitor):
    """One copy of everything, nobody asks who is there, all on the loopback interface."""
    return f"""[global]
fsid = {fsid}
mon host = {monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
# Where nobody asks, there is no key to encrypt with; radosgw would insist.
ms mon client mode = crc
run dir = {folder}
admin socket =
pid file =
log file = {folder}/$name.log
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
osd objectstore = memstore
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon data avail crit = 1
"""


SERVERS = {"moto": Moto, "ministack": Ministack, "ceph": Ceph, "s3s": S3s}
