// axi_lite_registers: control and status of the accelerator, and the way its memories are filled.
//
//   0x00 r   identity     0x49574853, "SHWI" in memory order of the bytes
//   0x04 r   parameters   {log2 Operations, log2 BiasDepth, log2 WeightDepth (0: streamed), log2 Width, log2 Lanes},
//                         of 5, 5, 5, 5 and 4 bits
//   0x08 rw  control      bit 0 run: the program starts again and again; bit 1 abort: to idle, error cleared
//   0x0c r   status       {number[11:0] of the operation, 0, error[3:0], 0, busy}: bits 27:16, 11:8, 0
//   0x10 r   cycles       of the last complete run
//   0x14 r   stalls       those of them in which a stream was waited for
//   0x18 r   runs         complete ones
//   0x20 w   program      the next word of the program
//   0x24 w   weights      the next entry, bits 8:0
//   0x28 w   biases       the next bias, bits 30:0
//   0x2c w   clear        bit 0 program, 1 weights, 2 biases: forgotten, the next word is the first
//
// A write must bring whole words, and 0x20 to 0x2c while idle and not run: all else answers SLVERR and does nothing.
`default_nettype none

module axi_lite_registers #(
    parameter [23:0] Parameters = 24'd0
) (
    input  wire        clk_i,
    input  wire        rst_ni,

    input  wire [ 7:0] s_axil_awaddr,
    input  wire        s_axil_awvalid,
    output wire        s_axil_awready,
    input  wire [31:0] s_axil_wdata,
    input  wire [ 3:0] s_axil_wstrb,
    input  wire        s_axil_wvalid,
    output wire        s_axil_wready,
    output reg  [ 1:0] s_axil_bresp,
    output reg         s_axil_bvalid,
    input  wire        s_axil_bready,
    input  wire [ 7:0] s_axil_araddr,
    input  wire        s_axil_arvalid,
    output wire        s_axil_arready,
    output reg  [31:0] s_axil_rdata,
    output reg  [ 1:0] s_axil_rresp,
    output reg         s_axil_rvalid,
    input  wire        s_axil_rready,

    input  wire        idle_i,
    input  wire        done_i,
    input  wire [31:0] cycles_i,
    input  wire [31:0] stalls_i,
    input  wire [ 3:0] error_i,
    input  wire [11:0] number_i,
    output reg         run_o,
    output reg         abort_o,
    output reg  [ 2:0] clear_o,
    output reg         program_write_o,
    output reg         weights_write_o,
    output reg         biases_write_o,
    output reg  [31:0] word_o
);
  localparam [31:0] Identity = 32'h49574853;
  localparam [1:0] Okay = 2'b00, SlaveError = 2'b10;
  localparam [5:0] RegIdentity = 6'd0, RegParameters = 6'd1, RegControl = 6'd2, RegStatus = 6'd3, RegCycles = 6'd4,
      RegStalls = 6'd5, RegRuns = 6'd6, RegProgram = 6'd8, RegWeights = 6'd9, RegBiases = 6'd10, RegClear = 6'd11;

  // ---- Writing: address and data are taken together.
  wire write = s_axil_awvalid && s_axil_wvalid && (!s_axil_bvalid || s_axil_bready);
  wire [5:0] to = s_axil_awaddr[7:2];
  wire whole = s_axil_wstrb == 4'hf && s_axil_awaddr[1:0] == 2'd0;
  wire fills = to >= RegProgram && to <= RegClear;
  wire good = whole && (to == RegControl || (fills && idle_i && !run_o));

  assign s_axil_awready = write;
  assign s_axil_wready = write;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      s_axil_bvalid <= 1'b0;
      run_o         <= 1'b0;
    end else begin
      if (write) s_axil_bvalid <= 1'b1;
      else if (s_axil_bready) s_axil_bvalid <= 1'b0;
      if (write && good && to == RegControl) run_o <= s_axil_wdata[0];
    end
    if (write) s_axil_bresp <= good ? Okay : SlaveError;
    abort_o         <= rst_ni && write && good && to == RegControl && s_axil_wdata[1];
    clear_o         <= {3{rst_ni && write && good && to == RegClear}} & s_axil_wdata[2:0];
    program_write_o <= rst_ni && write && good && to == RegProgram;
    weights_write_o <= rst_ni && write && good && to == RegWeights;
    biases_write_o  <= rst_ni && write && good && to == RegBiases;
    word_o          <= s_axil_wdata;
  end

  // ---- Reading.
  wire read = s_axil_arvalid && s_axil_arready;
  reg [31:0] cycles_q, stalls_q, runs_q;

  assign s_axil_arready = !s_axil_rvalid || s_axil_rready;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      s_axil_rvalid <= 1'b0;
      cycles_q      <= 32'd0;
      stalls_q      <= 32'd0;
      runs_q        <= 32'd0;
    end else begin
      if (read) s_axil_rvalid <= 1'b1;
      else if (s_axil_rready) s_axil_rvalid <= 1'b0;
      if (done_i) begin
        cycles_q <= cycles_i;
        stalls_q <= stalls_i;
        runs_q   <= runs_q + 32'd1;
      end
    end
    if (read) begin
      s_axil_rresp <= s_axil_araddr[1:0] == 2'd0 && s_axil_araddr[7:2] <= RegRuns ? Okay : SlaveError;
      case (s_axil_araddr[7:2])
        RegIdentity: s_axil_rdata <= Identity;
        RegParameters: s_axil_rdata <= {8'd0, Parameters};
        RegControl: s_axil_rdata <= {31'd0, run_o};
        RegStatus: s_axil_rdata <= {4'd0, number_i, 4'd0, error_i, 7'd0, !idle_i};
        RegCycles: s_axil_rdata <= cycles_q;
        RegStalls: s_axil_rdata <= stalls_q;
        RegRuns: s_axil_rdata <= runs_q;
        default: s_axil_rdata <= 32'd0;
      endcase
    end
  end
endmodule

`default_nettype wire
