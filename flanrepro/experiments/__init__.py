"""The paper's runs: profiles, sweeps, the run store, starts and scores."""
