import fc from "fast-check";

// The same cases in every run, so that a failure is somebody's change; FC_SEED=n tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 20_260_101) });
