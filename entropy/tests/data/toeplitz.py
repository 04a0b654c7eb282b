"""Products of Toeplitz matrices by SciPy: scipy.linalg.toeplitz and an integer product of NumPy, modulo 2."""
import hashlib, numpy as np, scipy, sys
from scipy.linalg import toeplitz
def stream(label, count):
    out = b""; i = 0
    while len(out) < count:
        out += hashlib.sha256(label.encode() + i.to_bytes(4, "big")).digest(); i += 1
    return out[:count]
def bits(label, count):
    return np.unpackbits(np.frombuffer(stream(label, -(-count // 8)), np.uint8), bitorder="little")[:count]
print(f"# n m output; made with numpy {np.__version__} and scipy {scipy.__version__}")
for n, m in [(1,1),(8,8),(9,5),(64,64),(65,63),(127,64),(512,512),(513,100),(1000,300),(4096,2048),(4097,2049),(10000,9999),(16384,8192),(20000,900),(33000,16500),(40001,17001)]:
    s, x = bits(f"seed {n} {m}", n + m - 1).astype(np.int64), bits(f"input {n} {m}", n).astype(np.int64)
    y = np.zeros(m, np.int64)
    for i in range(0, m, 256):
        h = min(256, m - i)
        # rows i..i+h: T[a][j] = s[a - j + n - 1]
        y[i:i+h] = toeplitz(s[i+n-1:i+n-1+h], s[i:i+n][::-1]) @ x % 2
    out = np.packbits(y.astype(np.uint8), bitorder="little").tobytes()
    print(n, m, out.hex() if len(out) <= 64 else "sha256:" + hashlib.sha256(out).hexdigest())
