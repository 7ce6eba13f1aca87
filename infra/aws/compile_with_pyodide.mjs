// Compiles a folder of Python modules: compile_with_pyodide.mjs PYODIDE.MJS FOLDER DEPLOYED_TO
import { pathToFileURL } from "node:url";

const [module, folder, deployedTo] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(module).href);
const python = await loadPyodide();
python.mountNodeFS("/folder", folder);
python.globals.set("deployed_to", deployedTo);
const compiled = python.runPython(`
import compileall
import py_compile

compileall.compile_dir(
    "/folder",
    quiet=1,
    stripdir="/folder",
    prependdir=deployed_to,
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
)
`);
process.exitCode = compiled ? 0 : 1;
