"""Programs as adjoint code: the resolved tree and the table of primitives, made into source.

A program becomes a form, the form gets its adjoint, and a printer writes that down.

- `form`: three-address code with regions; what the other files make, change and print.
- `lowering`, `statements`, `variables`: the resolved tree to the form, for given inputs.
- `rules`: a primitive's partials, kink and scalar body, which its entry gives, as code.
- `tangent`: forward mode, of a form or of one that has its reverse pass, by the same rules.
- `adjoint`: the reverse pass of a form. `tape`: what of the forward pass is kept for it.
- `dependence`: what depends on what. `simplifying`: what is computed twice is computed once.
- `counting`: how many nodes and steps the interpreter would have counted.
- `pruning`: what nothing uses is dropped. `finite`: where a nan or an inf must be looked for.
- `whole_arrays`: arrays as values of the form. `shaped`: the shapes of results. `array_rules`: the
  sweep's rules applied to them. `numpy_calls`: what they come down to in NumPy. `buffers`: which
  calls write into arrays made once. `numpy_printer`, `numpy_file`, `array_engine`: as below.
- `python`, `c`, `javascript`: printers, which share what is in `printing`; `sharing`: which
  values share a variable of Python.
- `native`: the C as machine code, kept in the user's cache. `engine`: what runs all that.
- `export`: the same code as a file that stands alone.

What a form cannot hold raises `NotCompiled`, and the interpreter runs the program. What the
interpreter would have something to say about raises `Flag` while it runs, with the same end.
"""
