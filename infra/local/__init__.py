"""The deployed stack on one machine: moto in server mode, real Lambda workers, real waits."""
