# Coordinates of random and special unitaries on two qubits, by Qiskit 2.6.2.
import json, numpy as np
from qiskit.quantum_info import random_unitary, Operator
from qiskit.synthesis import TwoQubitWeylDecomposition, TwoQubitBasisDecomposer
from qiskit.circuit.library import *
out=[]
dec=TwoQubitBasisDecomposer(CXGate())
cases=[random_unitary(4,seed=s).data for s in range(20)]
cases+=[np.kron(random_unitary(2,seed=100+s).data,random_unitary(2,seed=200+s).data)@g.to_matrix()@np.kron(random_unitary(2,seed=300+s).data,random_unitary(2,seed=400+s).data)
  for s,g in enumerate([CXGate(),CZGate(),ECRGate(),SwapGate(),iSwapGate(),CPhaseGate(0.3),RZZGate(1e-3),RXXGate(2.5),CSXGate(),DCXGate(),XXPlusYYGate(0.7,0.2),XXMinusYYGate(np.pi/2,0.1)])]
cases.append(np.eye(4)); cases.append(np.kron(random_unitary(2,seed=1).data,random_unitary(2,seed=2).data))
for u in cases:
    w=TwoQubitWeylDecomposition(u)
    qc=dec(u)
    out.append({"unitary":[[c for z in row for c in (z.real,z.imag)] for row in np.asarray(u,complex)],
      "coordinates":[w.a,w.b,w.c],"cx":qc.count_ops().get('cx',0)})
json.dump(out,open('qiskit-weyl.json','w'))
print(len(out), [o["cx"] for o in out])
