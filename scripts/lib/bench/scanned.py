#!/usr/bin/env python3
"""Side by side with the scanners: relaybench.py as it is, but its Postfix has two milters, clamav-milter and Rspamd's.
usage: scanned.py RELAYBENCH CLAMD_SOCKET RSPAMD_MILTER_PORT [relaybench's arguments]
Both sides ask the clamd and the Rspamd that run already. clamav-milter runs with Postfix and counts as part of it."""
import pathlib, subprocess, sys, time

instrument, clamd, rspamd = sys.argv[1:4]
sys.argv[1:4] = []
source = open(instrument).read().replace('\nmain()\n', '\n')
rb = type(sys)('relaybench')
rb.__file__ = instrument
exec(compile(source, instrument, 'exec'), rb.__dict__)

MILTER = 8896
SETTINGS = f'''smtpd_milters=inet:127.0.0.1:{MILTER},inet:127.0.0.1:{rspamd}
milter_default_action=tempfail
milter_protocol=6
'''


class Scanned(rb.Postfix):
    def start(self):
        plain = pathlib.Path.write_text
        pathlib.Path.write_text = lambda path, text: plain(path, text + SETTINGS if path.name == 'main.cf' else text)
        try:
            super().start()
        finally:
            pathlib.Path.write_text = plain
        conf = rb.W / 'clamav-milter.conf'
        conf.write_text(f'''MilterSocket inet:{MILTER}@127.0.0.1
ClamdSocket unix:{clamd}
Foreground yes
OnInfected Reject
OnFail Defer
AddHeader No
''')
        subprocess.Popen(['clamav-milter', '--config-file', str(conf)], preexec_fn=rb.cgjoin('bench_postfix'),
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.5)


rb.Postfix = Scanned
rb.main()
