"""A simulation of the whole network: production sync code of a centre and its class servers, under faults drawn from a seed.

`world` is the machines, their disks and clocks; `deeds` what people do; `carrying` sticks and lines; `faults` what goes wrong;
`invariants` what must hold all the same; `tables` which of the product's
tables all that touches; `history` one seed from its beginning to the end; `planted` the proof that it would notice.
"""
