"""Writes pennylane.json: values and adjoint gradients of random parametrised circuits by PennyLane's lightning.qubit.

A gate is its name, its angles (a number, or parameter, factor and offset) and its qubits; an observable is a list of
coefficients and letters, the highest qubit first.
"""
import json, random
import pennylane as qml
from pennylane import numpy as np
TABLE={"rx":(qml.RX,1,1),"ry":(qml.RY,1,1),"rz":(qml.RZ,1,1),"p":(qml.PhaseShift,1,1),"u3":(qml.U3,3,1),
 "crx":(qml.CRX,1,2),"cry":(qml.CRY,1,2),"crz":(qml.CRZ,1,2),"cp":(qml.ControlledPhaseShift,1,2),
 "rxx":(qml.IsingXX,1,2),"ryy":(qml.IsingYY,1,2),"rzz":(qml.IsingZZ,1,2),
 "h":(qml.Hadamard,0,1),"x":(qml.PauliX,0,1),"cx":(qml.CNOT,0,2),"cz":(qml.CZ,0,2),"swap":(qml.SWAP,0,2),
 "s":(qml.S,0,1),"t":(qml.T,0,1),"sx":(qml.SX,0,1),"ccx":(qml.Toffoli,0,3)}
def case(seed,n,gates,params,terms):
    r=random.Random(seed)
    ops=[["h",[],[q]] for q in range(n)] if seed%2 else [["ry",[[q%params,1.0,0.0]],[q]] for q in range(n)]
    names=[k for k,v in TABLE.items() if v[2]<=n]
    for _ in range(gates):
        name=r.choice(names); _,a,k=TABLE[name]
        ang=[]
        for _ in range(a):
            ang.append([r.randrange(params),r.choice([1.0,1.0,-0.5,2.0]),r.choice([0.0,0.0,0.3])] if r.random()<0.75 else round(r.uniform(-3,3),3))
        ops.append([name,ang,r.sample(range(n),k)])
    values=[round(r.uniform(-3,3),4) for _ in range(params)]
    obs=[[round(r.uniform(-1,1),3),"".join(r.choice("IIXYZ") for _ in range(n))] for _ in range(terms)]
    dev=qml.device("lightning.qubit",wires=n)
    def make(c,letters):
        factors=[getattr(qml,"Pauli"+l)(n-1-i) for i,l in enumerate(letters) if l!="I"]
        return factors
    coeffs=[c for c,_ in obs]
    words=[]
    for c,l in obs:
        f=make(c,l)
        words.append(qml.prod(*f) if len(f)>1 else (f[0] if f else qml.Identity(0)))
    @qml.qnode(dev,diff_method="adjoint")
    def circuit(x):
        for name,ang,q in ops:
            args=[a if not isinstance(a,list) else x[a[0]]*a[1]+a[2] for a in ang]
            TABLE[name][0](*args,wires=q)
        return qml.expval(qml.Hamiltonian(coeffs,words))
    x=np.array(values,requires_grad=True)
    return {"qubits":n,"gates":ops,"parameters":values,"observable":obs,"value":float(circuit(x)),"gradient":[float(g) for g in qml.grad(circuit)(x)]}
cases=[case(1,2,8,3,3),case(2,3,20,5,4),case(3,4,30,6,6),case(4,5,40,8,8),case(5,6,50,10,10),case(6,7,60,7,12),case(7,9,60,12,10),case(8,11,70,9,8)]
print(qml.version())
with open("pennylane.json","w") as f:
    f.write("[\n"+",\n".join(json.dumps(c) for c in cases)+"\n]\n")
