# Rowseal as one long-lived container. Build: docker build -t rowseal .
# Run:   docker run -v ./rowseal.yaml:/etc/rowseal/rowseal.yaml:ro -v rowseal-data:/var/lib/rowseal -p 8484:8484 rowseal

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# Install scripts are for development only (embedded servers, the pinned Node): nothing in production needs one.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY connectors ./connectors
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
# Few malloc arenas: with one per thread, memory that DuckDB gave back stays with the process.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
WORKDIR /app
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY --from=build /build/package.json ./package.json
RUN mkdir -p /var/lib/rowseal /etc/rowseal && chown node:node /var/lib/rowseal
USER node
VOLUME /var/lib/rowseal
EXPOSE 8484
# The runtime must not write memory anywhere: no inspector on a signal, no environment in crash reports.
ENTRYPOINT ["node", "--max-semi-space-size=4", "--disable-sigusr1", "--report-exclude-env", "/app/dist/src/cli/main.js"]
CMD ["run", "--config", "/etc/rowseal/rowseal.yaml"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8484/healthz').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
