"""Exact outcome probabilities of native circuits on four qubits of IQM Garnet, noise by qiskit-aer from the same figures.

Qiskit schedules the circuits (as late as possible) and pads them with delays; qiskit-aer makes the noise of gates, delays and
readout from T1, T2, durations and errors (NoiseModel.from_backend). Run: python aer.py > aer.json
(the versions are written into the file)
"""
import json, pathlib, random
import numpy, qiskit, qiskit_aer
from qiskit import QuantumCircuit, qasm2
from qiskit.circuit import Delay, Measure, Parameter
from qiskit.circuit.library import CZGate, RGate
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import InstructionProperties, PassManager, QubitProperties, Target
from qiskit.transpiler.passes import ALAPScheduleAnalysis, PadDelay
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

QUBITS = [4, 5, 9, 10]  # a square of Garnet
chip = json.loads((pathlib.Path(__file__).parents[3] / "compiler/targets/iqm-garnet.json").read_text())
NS = 1e-9
times = {e["qubit"]: (e["t1"] * NS, e["t2"] * NS) for e in chip["qubitProperties"]["overrides"]}
ops = {op["name"]: op for op in chip["operations"]}
fidelity = {name: {tuple(s["sites"]): s["fidelity"] for s in op["siteOverrides"]} for name, op in ops.items()}
couplings = [tuple(c) for c in chip["couplings"] if set(c) <= set(QUBITS)]
small = {q: n for n, q in enumerate(QUBITS)}

target = Target(num_qubits=4, dt=NS, qubit_properties=[QubitProperties(t1=times[q][0], t2=times[q][1]) for q in QUBITS])
r = {(small[q],): InstructionProperties(duration=ops["r"]["duration"] * NS, error=1 - fidelity["r"][(q,)]) for q in QUBITS}
cz = {}
for a, b in couplings:
    error = 1 - fidelity["cz"].get((a, b), fidelity["cz"].get((b, a)))
    for pair in [(a, b), (b, a)]:
        cz[tuple(small[q] for q in pair)] = InstructionProperties(duration=ops["cz"]["duration"] * NS, error=error)
measure = {(small[q],): InstructionProperties(duration=0.0, error=1 - fidelity["measure"][(q,)]) for q in QUBITS}
target.add_instruction(RGate(Parameter("theta"), Parameter("phi")), r)
target.add_instruction(CZGate(), cz)
target.add_instruction(Measure(), measure)
target.add_instruction(Delay(Parameter("t")), {(q,): None for q in range(4)})


class Chip(BackendV2):
    target = property(lambda self: target)
    max_circuits = None

    @classmethod
    def _default_options(cls):
        return Options()

    def run(self, *args, **kwargs):
        raise NotImplementedError


noise = NoiseModel.from_backend(Chip())


def random_circuit(seed, gates):
    rng = random.Random(seed)
    circuit = QuantumCircuit(4, 4)
    for _ in range(gates):
        if rng.random() < 0.4:
            a, b = rng.choice(couplings)
            circuit.cz(small[a], small[b])
        else:
            circuit.r(round(rng.uniform(-3, 3), 3), round(rng.uniform(-3, 3), 3), rng.randrange(4))
    return circuit


def waiting():
    circuit = QuantumCircuit(4, 4)
    circuit.r(1.570796326794897, 0.0, 0)
    for _ in range(60):
        circuit.cz(0, 1)
    for _ in range(40):
        circuit.r(0.4, 0.2, 2)
    circuit.cz(0, 2)
    circuit.r(1.570796326794897, 0.0, 0)
    return circuit


circuits = {"waiting": waiting()}
for seed in range(6):
    circuits[f"random {seed}"] = random_circuit(seed, 20 + 15 * seed)
result = []
for name, circuit in circuits.items():
    scheduled = PassManager([ALAPScheduleAnalysis(target=target), PadDelay(target=target)]).run(circuit)
    run = scheduled.copy()
    run.save_probabilities()
    simulator = AerSimulator(method="density_matrix", noise_model=noise)
    p = numpy.array(simulator.run(run, shots=1).result().data(0)["probabilities"]).reshape([2] * 4)
    for q in range(4):  # axis 3 - q is qubit q
        e = 1 - fidelity["measure"][(QUBITS[q],)]
        p = numpy.moveaxis(numpy.tensordot([[1 - e, e], [e, 1 - e]], p, axes=(1, 3 - q)), 0, 3 - q)
    # On the chip's own qubits.
    wide = QuantumCircuit(20, 4)
    for item in circuit.data:
        wide.append(item.operation, [QUBITS[circuit.find_bit(bit).index] for bit in item.qubits])
    for n, q in enumerate(QUBITS):
        wide.measure(q, n)
    probabilities = {format(i, "04b"): float(v) for i, v in enumerate(p.reshape(-1))}
    # `r` is known without its definition.
    program = "".join(line for line in qasm2.dumps(wide).splitlines(True) if not line.startswith("gate r("))
    result.append({"name": name, "program": program, "probabilities": probabilities})
print(json.dumps({"qiskit": qiskit.__version__, "qiskit-aer": qiskit_aer.__version__, "circuits": result}, indent=1))
