"""A module that is not safe to import before a fork."""

import threading
import time

threading.Thread(target=time.sleep, args=(30,), daemon=True, name="poller").start()
